/*
** The benchmark of growth: what an object costs as the file, the shape of its
** graph or the number of models grows.
**
**     scale LIBRARY rows [LARGEST]     10,000 users to LARGEST (1,000,000)
**     scale LIBRARY shape              depth of includes, children per parent
**     scale LIBRARY width              columns, long texts
**     scale LIBRARY models             declared models beside a query's own
**     scale LIBRARY cold               after the file has left the memory
**
** Times are medians of the processor's time (cold: of the clock).  "floor" are
** hand-written statements stepped from C, "sql" the JSON functions of SQLite.
** Where a cost per object must stay within 1.5 times and does not, the line
** says so, and the program fails.
*/
#include "kit.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "build/bench/scale.db"
#define FLAT 1.5

static const char *zLibrary;
static int nMissed;

/* Median seconds of a statement that is read to its end. */
static double timeOf(sqlite3_stmt *pStmt, int nRepeat, int nRun){
  double aTime[MAX_RUNS];
  readAll(pStmt);
  for(int r=0; r<nRun; r++){
    double t = processor();
    for(int i=0; i<nRepeat; i++) readAll(pStmt);
    aTime[r] = (processor() - t)/nRepeat;
  }
  return median(aTime, nRun);
}

static double timeSql(const char *zSql, int nRepeat, int nRun){
  sqlite3_stmt *pStmt = prepare(zSql);
  double r = timeOf(pStmt, nRepeat, nRun);
  sqlite3_finalize(pStmt);
  return r;
}

/* The most memory that SQLite held above what it held before, in MB; pages of
** the file are no more than 2 MB of it. */
static double peakOf(const char *zSql){
  sqlite3_stmt *pStmt = prepare(zSql);
  sqlite3_int64 nBefore;
  run("PRAGMA cache_size=-2000; PRAGMA shrink_memory");
  nBefore = sqlite3_memory_used();
  sqlite3_memory_highwater(1);
  readAll(pStmt);
  nBefore = sqlite3_memory_highwater(0) - nBefore;
  sqlite3_finalize(pStmt);
  run("PRAGMA cache_size=-64000");
  return (double)nBefore/1e6;
}

/* ------------------------------------------------------------------ rows -- */

static void buildRows(sqlite3_int64 nUser){
  openFile(FILE_NAME, zLibrary, 1);
  run("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
      "PRAGMA cache_size=-400000;"
      "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL,"
      " name TEXT NOT NULL, bucket INTEGER NOT NULL, created_at TEXT);"
      "CREATE TABLE posts(id INTEGER PRIMARY KEY, title TEXT NOT NULL,"
      " content TEXT NOT NULL, views INTEGER,"
      " users_id INTEGER NOT NULL REFERENCES users(id));");
  runf("BEGIN;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%lld)"
    " INSERT INTO users SELECT i, 'user'||i||'@example.org', 'User '||i,"
    "  i*7919 %% (%lld/100), datetime(1700000000+i*60, 'unixepoch') FROM n;"
    "INSERT INTO posts SELECT u.id*2+k.value, 'Post '||u.id, 'Some words that"
    " are the content of a post of user '||u.id, u.id %% 1000, u.id"
    " FROM users u, json_each('[0,1]') k;"
    "CREATE INDEX ix_users_bucket ON users(bucket);"
    "CREATE INDEX ix_posts_author ON posts(users_id);"
    "COMMIT; ANALYZE; SELECT orm_reflect();", nUser, nUser);
  closeFile();
}

/*
** A line for each: what is done, on how many objects, by the floor (nested
** statements joined into one here, which costs it no JSON) and by orm.
*/
typedef struct RowCase RowCase;
struct RowCase {
  const char *zName;
  const char *zUnit;
  int bWhole;                   /* objects: all the users, or nObject         */
  int nObject;
  const char *zFloor;
  const char *zOrm;
  int bStreams;                 /* its memory must not grow                   */
};
static const RowCase aRow[] = {
  { "users, streamed", "ns each", 1, 0,
    "SELECT * FROM users",
    "SELECT object FROM orm_object('users')", 1 },
  { "users with posts, streamed", "ns each", 1, 0,
    "SELECT * FROM users u JOIN posts p ON p.users_id=u.id",
    "SELECT object FROM orm_object('users', 'posts')", 1 },
  { "posts with user, streamed", "ns each", 2, 0,
    "SELECT * FROM posts p JOIN users u ON u.id=p.users_id",
    "SELECT object FROM orm_object('posts', 'users')", 1 },
  { "100 of a bucket with posts", "ns each", 0, 100,
    "SELECT * FROM users u JOIN posts p ON p.users_id=u.id WHERE bucket=?1",
    "SELECT orm_all('users', json_object('where', json_object('bucket', ?1),"
    " 'include', 'posts'))", 0 },
  { "one by key with posts", "ns", 0, 1,
    "SELECT * FROM users u JOIN posts p ON p.users_id=u.id WHERE u.id=?1",
    "SELECT orm_get('users', ?1, 'posts')", 0 },
  { "a page of 20 from the middle", "ns each", 0, 20,
    "SELECT * FROM users WHERE id>?1 ORDER BY id LIMIT 20",
    "SELECT orm_all('users', json_object('after', ?2, 'limit', 20))", 0 },
  { "10,000 created", "ns each", 0, 10000,
    "INSERT INTO users(email, name, bucket) SELECT value->>'email',"
    " value->>'name', value->>'bucket' FROM json_each(?1)",
    "SELECT orm_create_many('users', ?1)", 0 },
};
#define N_ROW ((int)(sizeof(aRow)/sizeof(aRow[0])))

static double aFirst[N_ROW][3]; /* floor, orm and memory of the smallest file */

static char *newUsers(void){
  sqlite3_stmt *p = prepare("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT"
    " i+1 FROM n WHERE i<10000) SELECT json_group_array(json_object('email',"
    " 'new'||i, 'name', 'New '||i, 'bucket', i%100)) FROM n");
  char *z;
  if( sqlite3_step(p)!=SQLITE_ROW ) die("new users");
  z = sqlite3_mprintf("%s", sqlite3_column_text(p, 0));
  sqlite3_finalize(p);
  return z;
}

/* The parameters of one run: other rows each time, all over the file. */
static void bindRow(const RowCase *p, sqlite3_stmt *pStmt, sqlite3_int64 nUser,
                    int iRun, char **azCursor, const char *zNew){
  sqlite3_int64 i = 1 + (sqlite3_int64)iRun*7919 % (nUser - 30);
  if( strstr(p->zName, "bucket") ) i %= nUser/100;
  sqlite3_bind_int64(pStmt, 1, i);
  if( strstr(p->zName, "page") ){
    sqlite3_bind_int64(pStmt, 1, nUser/64*(1 + iRun%60));
    sqlite3_bind_text(pStmt, 2, azCursor[iRun%60], -1, SQLITE_STATIC);
  }
  if( strstr(p->zName, "created") ){
    sqlite3_bind_text(pStmt, 1, zNew, -1, SQLITE_STATIC);
  }
}

/* Nanoseconds an object by zSql. */
static double rowTime(const RowCase *p, const char *zSql, sqlite3_int64 nUser,
                      int nRun, char **azCursor, const char *zNew){
  double aTime[MAX_RUNS];
  sqlite3_stmt *pStmt = prepare(zSql);
  sqlite3_int64 nObject = p->bWhole ? nUser*p->bWhole : p->nObject;
  int bWrite = p->nObject==10000;
  int nRepeat = p->bWhole || bWrite ? 1 : 3000/p->nObject;
  for(int r=nRun>3 ? -1 : 0; r<nRun; r++){        /* the first warms up       */
    double t;
    if( bWrite ) run("BEGIN");
    t = processor();
    for(int i=0; i<nRepeat; i++){
      if( sqlite3_bind_parameter_count(pStmt) ){
        bindRow(p, pStmt, nUser, (r + 1)*nRepeat + i, azCursor, zNew);
      }
      readAll(pStmt);
    }
    if( r>=0 ) aTime[r] = (processor() - t)/nRepeat/(double)nObject*1e9;
    if( bWrite ) run("ROLLBACK");
  }
  sqlite3_finalize(pStmt);
  return median(aTime, nRun);
}

static void measureRows(sqlite3_int64 nUser, int bFirst){
  char *azCursor[60], *zNew;
  openFile(FILE_NAME, zLibrary, 0);
  run("PRAGMA cache_size=-64000");
  zNew = newUsers();
  for(int i=0; i<60; i++){
    sqlite3_stmt *p = preparef("SELECT cursor FROM orm_object('users',"
      " '{\"where\": {\"id\": %lld}}')", nUser/64*(1 + i));
    if( sqlite3_step(p)!=SQLITE_ROW ) die("cursor");
    azCursor[i] = sqlite3_mprintf("%s", sqlite3_column_text(p, 0));
    sqlite3_finalize(p);
  }
  for(int i=0; i<N_ROW; i++){
    const RowCase *p = &aRow[i];
    int nRun = !p->bWhole || nUser<1000000 ? 7 : nUser==1000000 ? 3 : 1;
    double aNow[3] = { 0, 0, 0 }, rGrowth, rFloor;
    const char *zWord = "";
    aNow[0] = rowTime(p, p->zFloor, nUser, nRun, azCursor, zNew);
    aNow[1] = rowTime(p, p->zOrm, nUser, nRun, azCursor, zNew);
    if( p->bStreams ) aNow[2] = peakOf(p->zOrm);
    if( bFirst ) memcpy(aFirst[i], aNow, sizeof(aNow));
    rFloor = aNow[0]/aFirst[i][0];
    rGrowth = aNow[1]/aFirst[i][1];
    if( rGrowth>FLAT && rGrowth>rFloor*1.1 ){
      zWord = "  grows";
      nMissed++;
    }
    if( p->bStreams && aNow[2]>aFirst[i][2]*1.2 + 2 ){
      zWord = "  memory grows";
      nMissed++;
    }
    printf("%9lld  %-29s %9.0f %9.0f %8.2f %8.2f", nUser, p->zName, aNow[0],
           aNow[1], rFloor, rGrowth);
    if( p->bStreams ) printf(" %8.1f", aNow[2]);
    printf("%s\n", zWord);
    fflush(stdout);
  }
  for(int i=0; i<60; i++) sqlite3_free(azCursor[i]);
  sqlite3_free(zNew);
  closeFile();
}

static void rows(sqlite3_int64 nLargest){
  printf("SQLite %s, two posts a user; ns an object, of the smallest file's\n\n"
         "%9s  %-29s %9s %9s %8s %8s %8s\n", sqlite3_libversion(), "users", "",
         "floor", "orm", "floor x", "orm x", "peak MB");
  for(sqlite3_int64 n=10000; n<=nLargest; n*=10){
    buildRows(n);
    measureRows(n, n==10000);
  }
}

/* ----------------------------------------------------------------- shape -- */

/* Tables t0 .. tN of as many rows, each row the only child of one of the table
** above, in random order.  ns an object of the whole tree. */
static double depth(int nDepth, int nRow){
  char zPath[80] = "";
  char *zSql;
  double r;
  openFile(FILE_NAME, zLibrary, 1);
  run("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;"
      "CREATE TABLE t0(id INTEGER PRIMARY KEY, name TEXT, t_id INTEGER)");
  runf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE"
       " i<%d) INSERT INTO t0 SELECT i, 'name '||i, i FROM n", nRow);
  for(int i=1; i<=nDepth; i++){
    runf("CREATE TABLE t%d(id INTEGER PRIMARY KEY, name TEXT, t%d_id INTEGER"
         " REFERENCES t%d(id));"
         "INSERT INTO t%d SELECT id, name, 1 + id*7919%%%d FROM t0;"
         "CREATE INDEX i%d ON t%d(t%d_id)", i, i-1, i-1, i, nRow, i, i, i-1);
    sqlite3_snprintf((int)sizeof(zPath) - (int)strlen(zPath),
                     zPath + strlen(zPath), "%st%d", i>1 ? "." : "", i);
  }
  run("COMMIT; ANALYZE; SELECT orm_reflect();");
  zSql = sqlite3_mprintf("SELECT orm_all('t0', '%s')", zPath);
  r = timeSql(zSql, 1, 7)/nRow/(nDepth + 1)*1e9;
  sqlite3_free(zSql);
  closeFile();
  return r;
}

static void depths(void){
  double rFirst = 0;
  printf("160,000 objects, levels of include  ns an object       x\n");
  for(int i=1; i<=8; i++){
    double r = depth(i, 160000/(i + 1));
    if( i==1 ) rFirst = r;
    printf("%-33d %13.0f %7.2f%s\n", i, r, r/rFirst,
           r/rFirst>FLAT ? "  grows" : "");
    nMissed += r/rFirst>FLAT;
  }
}

/* nParent parents share nChild children, in random order. */
static void fanOut(int nParent, int nChild, double *prFirst){
  double rOrm, rSql, n = nParent + nChild;
  openFile(FILE_NAME, zLibrary, 1);
  run("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
      "CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT);"
      "CREATE TABLE child(id INTEGER PRIMARY KEY, name TEXT, parent_id INTEGER"
      " REFERENCES parent(id));");
  runf("BEGIN;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d)"
    " INSERT INTO parent SELECT i, 'parent '||i FROM n;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d)"
    " INSERT INTO child SELECT i, 'child '||i, 1 + i*7919 %% %d FROM n;"
    "CREATE INDEX ix_child ON child(parent_id);"
    "COMMIT; ANALYZE; SELECT orm_reflect();", nParent, nChild, nParent);
  rOrm = timeSql("SELECT orm_all('parent', 'child')", 1, 7)/n*1e9;
  rSql = timeSql("SELECT json_group_array(json_object('id', id, 'name', name,"
    " 'child', json((SELECT json_group_array(json_object('id', id, 'name',"
    " name, 'parent_id', parent_id)) FROM child WHERE parent_id=p.id))))"
    " FROM parent p", 1, 7)/n*1e9;
  if( *prFirst==0 ) *prFirst = rOrm;
  printf("%9d parents, %7d children %9.0f %9.0f %7.2fx %7.2f%s\n", nParent,
         nChild, rSql, rOrm, rSql/rOrm, rOrm/ *prFirst,
         rOrm/ *prFirst>FLAT ? "  grows" : "");
  nMissed += rOrm/ *prFirst>FLAT;
  closeFile();
}

static void shape(void){
  double rFirst = 0;
  depths();
  printf("\n%-35s %9s %9s %8s %7s\n", "ns an object", "sql", "orm", "sql/orm",
         "x");
  fanOut(20000, 200000, &rFirst);
  fanOut(2000, 200000, &rFirst);
  fanOut(200, 200000, &rFirst);
  fanOut(20000, 20000, &rFirst);
  fanOut(200000, 20000, &rFirst);
  fanOut(200000, 200, &rFirst);
}

/* ----------------------------------------------------------------- width -- */

/* A table of nCol columns, a third of them text, and nRow rows; what the first
** table took is in prFirst[0], by the floor, and prFirst[1]. */
static void columns(int nCol, int nRow, double *prFirst){
  sqlite3_str *p = sqlite3_str_new(0);
  char *zSql;
  double rFloor, rOrm, n = (double)nCol*nRow;
  int bGrows;
  openFile(FILE_NAME, zLibrary, 1);
  run("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN");
  sqlite3_str_appendall(p, "CREATE TABLE wide(id INTEGER PRIMARY KEY");
  for(int i=1; i<nCol; i++) sqlite3_str_appendf(p, ", column_%d", i);
  sqlite3_str_appendf(p, "); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT"
    " i+1 FROM n WHERE i<%d) INSERT INTO wide SELECT i", nRow);
  for(int i=1; i<nCol; i++){
    sqlite3_str_appendf(p, i%3==0 ? ", 'value '||i" : ", i*%d", i);
  }
  sqlite3_str_appendall(p, " FROM n");
  zSql = sqlite3_str_finish(p);
  run(zSql);
  sqlite3_free(zSql);
  run("COMMIT; SELECT orm_reflect();");
  rFloor = timeSql("SELECT * FROM wide", 1, 7)/n*1e9;
  rOrm = timeSql("SELECT orm_all('wide')", 1, 7)/n*1e9;
  if( prFirst[0]==0 ){
    prFirst[0] = rFloor;
    prFirst[1] = rOrm;
  }
  bGrows = rOrm/prFirst[1]>FLAT && rOrm/prFirst[1]>rFloor/prFirst[0]*1.1;
  printf("%9d columns, %7d rows     %9.1f %9.1f %8.2f %7.2f%s\n", nCol, nRow,
         rFloor, rOrm, rOrm/rFloor, rOrm/prFirst[1], bGrows ? "  grows" : "");
  nMissed += bGrows;
  closeFile();
}

static const char *const azText[] = {       /* 39 bytes each                  */
  "Some words of a text with its lines... ",
  "Some words of a \"text\" with its lines\n",
  "\xd0\xa1\xd0\xbb\xd0\xbe\xd0\xb2\xd0\xb0 \xd0\xb8 \xd0\xb5\xd1\x89\xd0\xb5 "
  "\xd1\x81\xd0\xbb\xd0\xbe\xd0\xb2\xd0\xb0 \xd1\x82\xd1\x83\xd1\x82 ",
  "\xe4\xb8\x80\xe4\xba\x9b\xe6\x96\x87\xe5\xad\x97\xe4\xb8\x80\xe4\xba\x9b"
  "\xe6\x96\x87\xe5\xad\x97\xe4\xb8\x80\xe4\xba\x9b\xe6\x96\x87\xe5\xad\x97"
  "\xe4\xb8\x80"
};

static void texts(int nByte, int nRow, int eText, const char *zWhat){
  double rFloor, rSql, rOrm, n = (double)nByte*nRow/1e6;
  openFile(FILE_NAME, zLibrary, 1);
  run("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
      "CREATE TABLE page(id INTEGER PRIMARY KEY, body TEXT);");
  runf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE"
    " i<%d) INSERT INTO page SELECT i, replace(hex(zeroblob(%d)), '00',"
    " %Q) FROM n; SELECT orm_reflect()", nRow, nByte/39, azText[eText]);
  rFloor = timeSql("SELECT * FROM page", 1, 5);
  rSql = timeSql("SELECT json_group_array(json_object('id', id, 'body', body))"
                 " FROM page", 1, 5);
  rOrm = timeSql("SELECT orm_all('page')", 1, 5);
  printf("%9d bytes, %-18s %9.0f %9.0f %9.0f %7.2fx\n", nByte,
         zWhat, n/rFloor, n/rSql, n/rOrm, rSql/rOrm);
  closeFile();
}

static void width(void){
  double aFirstTime[2] = { 0, 0 };
  printf("%-35s %9s %9s %8s %7s\n", "ns a value", "floor", "orm",
         "orm/floor", "x");
  columns(5, 200000, aFirstTime);
  columns(50, 20000, aFirstTime);
  columns(200, 5000, aFirstTime);
  columns(1000, 1000, aFirstTime);
  printf("\n%-35s %9s %9s %9s %8s\n", "texts, MB a second", "floor", "sql",
         "orm", "sql/orm");
  texts(100, 200000, 0, "plain");
  texts(10000, 5000, 0, "plain");
  texts(1000000, 50, 0, "plain");
  texts(1000000, 50, 1, "quotes, newlines");
  texts(1000000, 50, 2, "Cyrillic");
  texts(1000000, 50, 3, "Chinese");
}

/* ---------------------------------------------------------------- models -- */

static const char *const azModelCase[] = {
  "SELECT orm_get('a', 7, 'b')",
  "SELECT orm_all('a', '{\"where\": {\"id\": {\"lte\": 20}}, \"include\":"
    " \"b\"}')",
  "UPDATE orm_object SET object='{\"name\": \"x\"}' WHERE model='a' AND key=7",
};
#define N_MODEL_CASE 3

static double aModel[N_MODEL_CASE];

static void models(int nModel){
  double aTime[MAX_RUNS], aLoad[MAX_RUNS], r;
  openFile(FILE_NAME, zLibrary, 1);
  run("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;"
      "CREATE TABLE a(id INTEGER PRIMARY KEY, name TEXT);"
      "CREATE TABLE b(id INTEGER PRIMARY KEY, name TEXT, a_id INTEGER"
      " REFERENCES a(id)); CREATE INDEX ix_b ON b(a_id);"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE"
      " i<1000) INSERT INTO a SELECT i, 'name '||i FROM n;"
      "INSERT INTO b SELECT id, name, 1+id/10 FROM a;");
  for(int i=2; i<nModel; i++){
    runf("CREATE TABLE m%d(id INTEGER PRIMARY KEY, name TEXT, price REAL,"
         " m_id INTEGER REFERENCES m%d(id)); CREATE INDEX ix%d ON m%d(m_id)",
         i, i>2 ? i - 1 : 2, i, i);
  }
  run("COMMIT; SELECT orm_reflect();");
  closeFile();
  for(int j=0; j<11; j++){
    double t;
    openFile(FILE_NAME, zLibrary, 0);
    number("SELECT count(*) FROM sqlite_schema");
    closeFile();
    if( sqlite3_open(FILE_NAME, &db) ) die("open");
    sqlite3_enable_load_extension(db, 1);
    number("SELECT count(*) FROM sqlite_schema");
    t = processor();
    if( sqlite3_load_extension(db, zLibrary, "sqlite3_orm_init", 0) ){
      die("load");
    }
    aLoad[j] = (processor() - t)*1e3;
    t = processor();
    number(azModelCase[0]);
    aTime[j] = (processor() - t)*1e3;
    closeFile();
  }
  printf("%7d %9.3f %9.3f", nModel, median(aLoad, 11), median(aTime, 11));
  openFile(FILE_NAME, zLibrary, 0);
  run("BEGIN");
  for(int i=0; i<N_MODEL_CASE; i++){
    r = timeSql(azModelCase[i], 2000, 7)*1e6;
    if( nModel==2 ) aModel[i] = r;
    printf(" %9.2f %5.2f", r, r/aModel[i]);
    nMissed += r/aModel[i]>FLAT;
  }
  printf("\n");
  run("ROLLBACK");
  closeFile();
}

/* ------------------------------------------------------------------ cold -- */

/* Let the system forget the file's pages; it does once they are on disk. */
static void forget(void){
#ifdef POSIX_FADV_DONTNEED
  int fd = open(FILE_NAME, O_RDONLY);
  fsync(fd);
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  close(fd);
#endif
}

static void coldCase(const char *zName, const char *zSql, const char *zOrm){
  double aTime[2][MAX_RUNS];
  for(int r=0; r<7; r++){
    for(int i=0; i<2; i++){
      double t;
      openFile(FILE_NAME, zLibrary, 0);
      forget();
      t = seconds();
      run(i ? zOrm : zSql);
      aTime[i][r] = (seconds() - t)*1e3;
      closeFile();
    }
  }
  printf("%-35s %9.2f %9.2f %7.2fx\n", zName, median(aTime[0], 7),
         median(aTime[1], 7), median(aTime[0], 7)/median(aTime[1], 7));
}

#define USER_JSON "'id', u.id, 'email', u.email, 'name', u.name, 'bucket'," \
  " u.bucket, 'created_at', u.created_at, 'posts', json((SELECT" \
  " json_group_array(json_object('id', id, 'title', title, 'content'," \
  " content, 'views', views, 'users_id', users_id)) FROM posts" \
  " WHERE users_id=u.id))"

static void cold(void){
  buildRows(100000);
  printf("%-35s %9s %9s %8s\n", "cold, 100,000 users, ms by the clock", "sql",
         "orm", "sql/orm");
  coldCase("a new connection's first, by key",
    "SELECT json_object(" USER_JSON ") FROM users u WHERE id=77777",
    "SELECT orm_get('users', 77777, 'posts')");
  coldCase("100 of a bucket, all over the file",
    "SELECT json_group_array(json_object(" USER_JSON ")) FROM users u"
    " WHERE bucket=7",
    "SELECT orm_all('users', '{\"where\": {\"bucket\": 7}, \"include\":"
    " \"posts\"}')");
  coldCase("all users with posts",
    "SELECT json_group_array(json_object(" USER_JSON ")) FROM users u",
    "SELECT orm_all('users', 'posts')");
}

int main(int nArg, char **azArg){
  const char *zWhat = nArg>2 ? azArg[2] : "";
  if( nArg<3 ){
    fprintf(stderr, "usage: scale LIBRARY rows|shape|width|models|cold\n");
    return 2;
  }
  zLibrary = azArg[1];
  if( strcmp(zWhat, "rows")==0 ) rows(nArg>3 ? atoll(azArg[3]) : 1000000);
  if( strcmp(zWhat, "shape")==0 ) shape();
  if( strcmp(zWhat, "width")==0 ) width();
  if( strcmp(zWhat, "models")==0 ){
    printf("%7s %9s %9s %9s %5s %9s %5s %9s %5s\n", "models", "load ms",
           "first ms", "get us", "x", "20 us", "x", "patch us", "x");
    models(2);
    models(200);
    models(1000);
  }
  if( strcmp(zWhat, "cold")==0 ) cold();
  remove(FILE_NAME);
  return nMissed>0 || nSeen==0;
}
