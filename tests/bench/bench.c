/*
** The benchmark: each workload three ways on one file, interleaved.
**
**     floor   the rows stepped and read by hand-written statements, no JSON
**     sql     the best hand-written SQL that gives the same JSON: of json(..)
**             around each subquery, of none (the subtype comes through; the
**             fastest), of group_concat() of texts, of CTEs with GROUP
**             BY, of jsonb functions, of ORDER BY within aggregates
**     orm     one call of the extension
**
**     bench LIBRARY USERS [RUNS]
**
** A row of the table is the median of RUNS times of the processor, a ratio the
** median of the ratios of each run; "instr" are user-mode instructions, where
** the kernel lets a process count its own.
** Before it is timed, the answer of orm is compared with that of sql: they must
** be the same JSON text (numbers, order and all).
**
** BENCH_FILE=name builds the data in that file (which must not be there) and
** leaves it, for tests/bench/peers/.
**
** The data: USERS users, ten posts each in random order of authors, three tags
** a post out of a hundred; the same every time.
*/
#include "kit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
# include <linux/perf_event.h>
# include <sys/ioctl.h>
# include <sys/syscall.h>
#endif

enum { FLOOR, SQL, ORM, N_WAY };
static const char *const azWay[N_WAY] = { "floor", "sql", "orm" };

static int nUser = 1000;
static int fdCounter = -1;

/* ------------------------------------------------------------- measuring -- */

static void counterOpen(void){
#ifdef __linux__
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof(attr));
  attr.type = PERF_TYPE_HARDWARE;
  attr.size = sizeof(attr);
  attr.config = PERF_COUNT_HW_INSTRUCTIONS;
  attr.exclude_kernel = 1;
  attr.exclude_hv = 1;
  fdCounter = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
#endif
}

static double instructions(void){
  long long n = 0;
  if( fdCounter<0 || read(fdCounter, &n, sizeof(n))!=sizeof(n) ) return 0;
  return (double)n;
}

/* ------------------------------------------------------------------ data -- */

static void build(void){
  run("PRAGMA synchronous=OFF; PRAGMA cache_size=-200000;");
  run("SELECT orm_define('{"
    "\"User\":{\"table\":\"users\",\"columns\":{\"id\":\"INTEGER PRIMARY KEY\","
    "\"email\":\"TEXT NOT NULL UNIQUE\",\"name\":\"TEXT NOT NULL\","
    "\"bucket\":\"INTEGER NOT NULL\",\"created_at\":\"TEXT\"},"
    "\"indexes\":{\"ix_users_bucket\":[\"bucket\"]},\"relationships\":{"
    "\"posts\":{\"target\":\"Post\",\"back_populates\":\"author\","
    "\"cascade\":\"all, delete-orphan\"}}},"
    "\"Post\":{\"table\":\"posts\",\"columns\":{\"id\":\"INTEGER PRIMARY KEY\","
    "\"title\":\"TEXT NOT NULL\",\"content\":\"TEXT NOT NULL\","
    "\"views\":\"INTEGER DEFAULT 0\",\"author_id\":"
    "\"INTEGER NOT NULL REFERENCES users(id)\",\"published_at\":\"TEXT\"},"
    "\"indexes\":{\"ix_posts_author\":[\"author_id\",\"published_at\"]},"
    "\"relationships\":{"
    "\"author\":{\"target\":\"User\",\"back_populates\":\"posts\"},"
    "\"tags\":{\"target\":\"Tag\",\"secondary\":\"post_tags\","
    "\"back_populates\":\"posts\"}}},"
    "\"Tag\":{\"table\":\"tags\",\"columns\":{\"id\":\"INTEGER PRIMARY KEY\","
    "\"name\":\"TEXT NOT NULL UNIQUE\"},\"relationships\":{\"posts\":{"
    "\"target\":\"Post\",\"secondary\":\"post_tags\","
    "\"back_populates\":\"tags\"}}}}')");
  runf(
    "BEGIN;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d)"
    " INSERT INTO users SELECT i, 'user'||i||'@example.org', 'User '||i,"
    "  i %% 100, datetime(1700000000+i*60, 'unixepoch') FROM n;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<100)"
    " INSERT INTO tags SELECT i, 'tag'||i FROM n;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d)"
    " INSERT INTO posts SELECT i, 'Post number '||i,"
    "  'Some words that are the content of post '||i||', and a few more of "
    "them so that it looks like text.', (i*7919) %% 1000,"
    "  1 + (i*48271) %% %d, datetime(1700000000+(i*16807)%%9999991,"
    "  'unixepoch') FROM n;"
    "INSERT INTO post_tags(post_id, tag_id)"
    " SELECT p.id, 1 + (p.id*31+k.value*37) %% 100"
    "  FROM posts p, json_each('[0,1,2]') k;"
    "COMMIT; ANALYZE;", nUser, nUser*10, nUser);
}

/* ------------------------------------------------------------- workloads -- */

#define POST_JSON "'id',p.id,'title',p.title,'content',p.content," \
  "'views',p.views,'author_id',p.author_id,'published_at',p.published_at"
#define USER_JSON "'id',u.id,'email',u.email,'name',u.name," \
  "'bucket',u.bucket,'created_at',u.created_at"
/* What a subquery gives is JSON to the function around it; from 3.54 on only if
** json() says so, which handSql() makes of as_json(). */
#define TAGS_JSON "'tags',as_json((SELECT json_group_array(json_object(" \
  "'id',id,'name',name)) FROM (SELECT t.id, t.name FROM post_tags pt " \
  "JOIN tags t ON t.id=pt.tag_id WHERE pt.post_id=p.id ORDER BY pt.tag_id)))"
#define POSTS_JSON "'posts',as_json((SELECT json_group_array(json_object(" \
  POST_JSON "," TAGS_JSON ")) FROM (SELECT * FROM posts " \
  "WHERE author_id=u.id ORDER BY id) p))"
#define KEY_SQL "SELECT json_object(" USER_JSON ",'posts',as_json((SELECT " \
  "json_group_array(json_object(" POST_JSON ")) FROM (SELECT * FROM posts " \
  "WHERE author_id=u.id ORDER BY id) p))) FROM users u WHERE id=77"

/* The pairs of user and tag, joined by hand, and along a path of orm_link(). */
#define HAND_JOIN "FROM users u JOIN posts p ON p.author_id=u.id " \
  "JOIN post_tags pt ON pt.post_id=p.id JOIN tags t ON t.id=pt.tag_id "
#define LINK_JOIN "FROM users u JOIN orm_link('User','posts.tags') l " \
  "ON l.source=u.id JOIN tags t ON t.id=l.target "
#define LENGTHS "count(*)||' '||sum(length(u.name)+length(t.name)) "
#define HAND_PAIRS(where) "SELECT count(*)||' '||sum(n) FROM (SELECT " \
  "DISTINCT u.id, t.id, length(u.name)+length(t.name) AS n " HAND_JOIN where ")"

/*
** A workload: a statement for each way.  The floor's statements are nested:
** each row of one runs the next with its first column, or with the column
** after a '#' in front, as ?1.
*/
typedef struct Workload Workload;
struct Workload {
  const char *zName;
  const char *azFloor[4];
  const char *zSql;
  const char *zOrm;
  int nRepeat;                  /* runs within one measure                    */
  int bPrepare;                 /* prepare anew for each run                  */
};

static const Workload aWork[] = {
  { "all users, posts, tags",
    { "SELECT * FROM users ORDER BY id",
      "SELECT * FROM posts WHERE author_id=?1 ORDER BY id",
      "SELECT t.* FROM post_tags pt JOIN tags t ON t.id=pt.tag_id "
      "WHERE pt.post_id=?1 ORDER BY pt.tag_id" },
    "SELECT json_group_array(json_object(" USER_JSON "," POSTS_JSON "))"
    " FROM (SELECT * FROM users ORDER BY id) u",
    "SELECT orm_all('User', 'posts.tags')", 1, 0 },
  { "5 % of the users, posts, tags",
    { "SELECT * FROM users WHERE bucket BETWEEN 10 AND 14 ORDER BY id",
      "SELECT * FROM posts WHERE author_id=?1 ORDER BY id",
      "SELECT t.* FROM post_tags pt JOIN tags t ON t.id=pt.tag_id "
      "WHERE pt.post_id=?1 ORDER BY pt.tag_id" },
    "SELECT json_group_array(json_object(" USER_JSON "," POSTS_JSON "))"
    " FROM (SELECT * FROM users WHERE bucket BETWEEN 10 AND 14 ORDER BY id) u",
    "SELECT orm_all('User', '{\"where\":{\"bucket\":{\"between\":[10,14]}},"
    "\"include\":\"posts.tags\"}')", 5, 0 },
  { "20 users, 5 latest posts each",
    { "SELECT * FROM users WHERE id BETWEEN 100 AND 119 ORDER BY id",
      "SELECT * FROM posts WHERE author_id=?1 "
      "ORDER BY published_at DESC, id LIMIT 5" },
    "SELECT json_group_array(json_object(" USER_JSON ",'posts',as_json("
    "(SELECT json_group_array(json_object(" POST_JSON ")) FROM (SELECT * FROM"
    " posts WHERE author_id=u.id ORDER BY published_at DESC, id LIMIT 5) p))))"
    " FROM (SELECT * FROM users WHERE id BETWEEN 100 AND 119 ORDER BY id) u",
    "SELECT orm_all('User', '{\"where\":{\"id\":{\"between\":[100,119]}},"
    "\"include\":{\"posts\":{\"order_by\":[\"-published_at\"],\"limit\":5}}}')",
    50, 0 },
  { "a user by key, with posts",
    { "SELECT * FROM users WHERE id=77",
      "SELECT * FROM posts WHERE author_id=?1 ORDER BY id" },
    KEY_SQL,
    "SELECT orm_get('User', 77, 'posts')", 500, 0 },
  { "the same, prepared each time",
    { "SELECT * FROM users WHERE id=77",
      "SELECT * FROM posts WHERE author_id=?1 ORDER BY id" },
    KEY_SQL,
    "SELECT orm_get('User', 77, 'posts')", 300, 1 },
  { "all posts with their author",
    { "SELECT * FROM posts p NOT INDEXED CROSS JOIN users u "
      "ON u.id=p.author_id" },
    "SELECT json_group_array(json_object(" POST_JSON ",'author',"
    "json_object(" USER_JSON "))) FROM posts p NOT INDEXED "
    "CROSS JOIN users u ON u.id=p.author_id",
    "SELECT orm_all('Post', 'author')", 1, 0 },
  { "count of the posts a user has",
    { "SELECT id, (SELECT count(*) FROM posts WHERE author_id=u.id) "
      "FROM users u ORDER BY id" },
    "SELECT json_group_array(json_object('id',u.id,'_count',json_object("
    "'posts',(SELECT count(*) FROM posts WHERE author_id=u.id)))) "
    "FROM (SELECT id FROM users ORDER BY id) u",
    "SELECT orm_all('User', '{\"select\":[\"id\"],\"_count\":[\"posts\"]}')",
    1, 0 },
  { "users and tags, by orm_link",
    { "SELECT " LENGTHS HAND_JOIN }, HAND_PAIRS(""),
    "SELECT " LENGTHS LINK_JOIN, 1, 0 },
  { "the same from 20 users",
    { "SELECT " LENGTHS HAND_JOIN "WHERE u.id BETWEEN 100 AND 119" },
    HAND_PAIRS("WHERE u.id BETWEEN 100 AND 119"),
    "SELECT " LENGTHS LINK_JOIN "WHERE u.id BETWEEN 100 AND 119", 50, 0 },
  { "the same from one tag",
    { "SELECT " LENGTHS HAND_JOIN "WHERE t.id=7" },
    HAND_PAIRS("WHERE t.id=7"),
    "SELECT " LENGTHS LINK_JOIN "WHERE t.id=7", 50, 0 },
};
#define N_WORK ((int)(sizeof(aWork)/sizeof(aWork[0])))

/* The hand-written SQL of each, as this SQLite wants it. */
static const char *azHand[sizeof(aWork)/sizeof(aWork[0])];

static void handSql(void){
  const char *zTo = sqlite3_libversion_number()>=3054000 ? "json" : "";
  for(int i=0; i<N_WORK; i++){
    const char *z = aWork[i].zSql, *zMark;
    char *zOut = sqlite3_mprintf("");
    while( (zMark = strstr(z, "as_json("))!=0 ){
      zOut = sqlite3_mprintf("%z%.*s%s", zOut, (int)(zMark - z), z, zTo);
      z = zMark + strlen("as_json");
    }
    azHand[i] = sqlite3_mprintf("%z%s", zOut, z);
  }
}

static void floorLevel(sqlite3_stmt **apStmt, int iLevel, sqlite3_int64 iKey){
  sqlite3_stmt *pStmt = apStmt[iLevel];
  if( pStmt==0 ) return;
  if( iLevel>0 ) sqlite3_bind_int64(pStmt, 1, iKey);
  int nCol = sqlite3_column_count(pStmt);
  while( sqlite3_step(pStmt)==SQLITE_ROW ){
    sqlite3_int64 iRow = sqlite3_column_int64(pStmt, 0);
    for(int i=0; i<nCol; i++){
      if( sqlite3_column_type(pStmt, i)==SQLITE_TEXT ){
        nSeen += sqlite3_column_text(pStmt, i)[0];
      }else{
        nSeen += sqlite3_column_int64(pStmt, i);
      }
    }
    floorLevel(apStmt, iLevel+1, iRow);
  }
  sqlite3_reset(pStmt);
}

/* Run one way once; the answer's text goes to *pzAnswer if it is wanted. */
static void runWay(const Workload *p, int eWay, sqlite3_stmt **apStmt,
                   char **pzAnswer){
  if( eWay==FLOOR ){
    floorLevel(apStmt, 0, 0);
    return;
  }
  if( sqlite3_step(apStmt[0])!=SQLITE_ROW ) die(p->zName);
  const char *z = (const char*)sqlite3_column_text(apStmt[0], 0);
  if( pzAnswer ) *pzAnswer = sqlite3_mprintf("%s", z);
  nSeen += sqlite3_column_bytes(apStmt[0], 0);
  sqlite3_reset(apStmt[0]);
}

static void prepareWay(const Workload *p, int eWay, sqlite3_stmt **apStmt){
  memset(apStmt, 0, 4*sizeof(*apStmt));
  if( eWay==FLOOR ){
    for(int i=0; i<4 && p->azFloor[i]; i++) apStmt[i] = prepare(p->azFloor[i]);
  }else{
    apStmt[0] = prepare(eWay==SQL ? azHand[p - aWork] : p->zOrm);
  }
}

static void finalizeWay(sqlite3_stmt **apStmt){
  for(int i=0; i<4; i++) sqlite3_finalize(apStmt[i]);
}

/* How many times as long one way took as another: the median of the runs, each
** compared with its neighbour, for a machine is slow for seconds at a time. */
static double ratio(double aaTime[][MAX_RUNS], int eWay, int eTo, int nRun){
  double a[MAX_RUNS];
  for(int j=0; j<nRun; j++) a[j] = aaTime[eWay][j]/aaTime[eTo][j];
  return median(a, nRun);
}

static void measureWay(const Workload *p, int eWay, sqlite3_stmt **apStmt){
  for(int i=0; i<p->nRepeat; i++){
    if( p->bPrepare ){
      sqlite3_stmt *apOnce[4];
      prepareWay(p, eWay, apOnce);
      runWay(p, eWay, apOnce, 0);
      finalizeWay(apOnce);
    }else{
      runWay(p, eWay, apStmt, 0);
    }
  }
}

/* One row of the table.  Returns 1 if the answers differ. */
static int measure(const Workload *p, int nRun){
  sqlite3_stmt *aapStmt[N_WAY][4];
  double aaTime[N_WAY][MAX_RUNS], aaInstr[N_WAY][MAX_RUNS];
  double aTime[N_WAY], aInstr[N_WAY], rSql, rFloor;
  char *zSql = 0, *zOrm = 0;
  int bDiffer;
  run("BEGIN");
  for(int i=0; i<N_WAY; i++) prepareWay(p, i, aapStmt[i]);
  runWay(p, SQL, aapStmt[SQL], &zSql);
  runWay(p, ORM, aapStmt[ORM], &zOrm);
  bDiffer = strcmp(zSql, zOrm)!=0;
  if( bDiffer ){
    printf("! %s: the answers differ\n  sql %.200s\n  orm %.200s\n",
           p->zName, zSql, zOrm);
  }
  sqlite3_free(zSql);
  sqlite3_free(zOrm);
  for(int j=0; j<nRun; j++){
    for(int i=0; i<N_WAY; i++){
      double t = processor(), n = instructions();
      measureWay(p, i, aapStmt[i]);
      aaInstr[i][j] = (instructions() - n)/p->nRepeat;
      aaTime[i][j] = (processor() - t)/p->nRepeat;
    }
  }
  rSql = ratio(aaTime, SQL, ORM, nRun);
  rFloor = ratio(aaTime, ORM, FLOOR, nRun);
  for(int i=0; i<N_WAY; i++){
    finalizeWay(aapStmt[i]);
    aTime[i] = median(aaTime[i], nRun);
    aInstr[i] = median(aaInstr[i], nRun);
  }
  run("COMMIT");
  printf("%-30s", p->zName);
  for(int i=0; i<N_WAY; i++) printf(" %10.3f", aTime[i]*1e3);
  printf(" %7.2fx %7.2fx", rSql, rFloor);
  if( fdCounter>=0 ){
    printf(" %9.1fM %6.2fx", aInstr[ORM]/1e6, aInstr[ORM]/aInstr[FLOOR]);
  }
  printf("\n");
  fflush(stdout);
  return bDiffer;
}

/* ---------------------------------------------------------------- writes -- */

/*
** 10,000 tags made by a prepared INSERT in a loop (floor), by one INSERT from
** json_each (sql), by orm_create_many (orm); each in a transaction that is
** rolled back.
*/
static void measureBulk(int nRun){
  double aaTime[N_WAY][MAX_RUNS];
  sqlite3_stmt *pDoc = prepare(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n "
    "WHERE i<10000) SELECT json_group_array(json_object('name','new'||i)) "
    "FROM n");
  sqlite3_step(pDoc);
  char *zDoc = sqlite3_mprintf("%s", sqlite3_column_text(pDoc, 0));
  sqlite3_finalize(pDoc);
  sqlite3_stmt *apStmt[N_WAY] = {
    prepare("INSERT INTO tags(name) VALUES (?1)"),
    prepare("INSERT INTO tags(name) SELECT value->>'name' FROM json_each(?1)"),
    prepare("SELECT orm_create_many('Tag', ?1)")
  };
  for(int j=0; j<nRun; j++){
    for(int i=0; i<N_WAY; i++){
      double t = processor();
      run("BEGIN");
      for(int k=0; i==FLOOR && k<10000; k++){
        char zName[30];
        sqlite3_snprintf(sizeof(zName), zName, "new%d", k+1);
        sqlite3_bind_text(apStmt[i], 1, zName, -1, SQLITE_TRANSIENT);
        if( sqlite3_step(apStmt[i])!=SQLITE_DONE ) die("insert");
        sqlite3_reset(apStmt[i]);
      }
      if( i!=FLOOR ){
        sqlite3_bind_text(apStmt[i], 1, zDoc, -1, SQLITE_STATIC);
        if( sqlite3_step(apStmt[i])>SQLITE_DONE ) die(azWay[i]);
        if( sqlite3_reset(apStmt[i])!=SQLITE_OK ) die(azWay[i]);
      }
      aaTime[i][j] = processor() - t;
      run("ROLLBACK");
    }
  }
  printf("%-30s", "10,000 objects created");
  double aTime[N_WAY];
  double rSql = ratio(aaTime, SQL, ORM, nRun);
  double rFloor = ratio(aaTime, ORM, FLOOR, nRun);
  for(int i=0; i<N_WAY; i++){
    sqlite3_finalize(apStmt[i]);
    aTime[i] = median(aaTime[i], nRun);
    printf(" %10.3f", aTime[i]*1e3);
  }
  printf(" %7.2fx %7.2fx\n", rSql, rFloor);
  sqlite3_free(zDoc);
}

int main(int nArg, char **azArg){
  int nRun = nArg>3 ? atoi(azArg[3]) : 7;
  int nBad = 0;
  if( nArg>2 ) nUser = atoi(azArg[2]);
  if( nArg<2 || nUser<200 || nRun<1 || nRun>MAX_RUNS ){
    fprintf(stderr, "usage: bench LIBRARY [USERS>=200 [RUNS<=31]]\n");
    return 2;
  }
  const char *zFile = getenv("BENCH_FILE");
  openFile(zFile ? zFile : ":memory:", azArg[1], zFile!=0);
  counterOpen();
  build();
  handSql();
  printf("SQLite %s, %d users, %d posts, %d links; median of %d, milliseconds"
         "\n\n%-30s %10s %10s %10s %8s %8s", sqlite3_libversion(), nUser,
         nUser*10, nUser*30, nRun, "", "floor", "sql", "orm", "sql/orm",
         "orm/floor");
  if( fdCounter>=0 ) printf("  orm instr  /floor");
  printf("\n");
  for(int i=0; i<N_WORK; i++) nBad += measure(&aWork[i], nRun);
  measureBulk(nRun);
  if( sqlite3_close(db)!=SQLITE_OK ) nBad++;
  return nBad ? 1 : nSeen==0;
}
