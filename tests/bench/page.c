/*
** The benchmark of pages: 20 posts with their authors, the first page beside
** pages that begin 10,000 rows further down, each by a cursor of its own.
**
**     page LIBRARY [POSTS [RUNS]]
**
** The orders: by the key, by a column that hardly has ties, by one with NULLs,
** by one that has three values; ascending and descending. A page has about 20
** authors, wherever it is. First and deep pages take turns, so that what else
** the machine does meets both; a figure is the median of all pages, in
** microseconds.
**
** "deep" is another page each time, whose rows the processor has not seen
** lately; "again" is the same one each time, as "first" is. "offset" is the
** deep page found by OFFSET, for comparison.
*/
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_RUNS 101
#define N_DEEP 200              /* different cursors                          */
#define DEPTH 10000

static void die(sqlite3 *db, const char *zWhat){
  fprintf(stderr, "page: %s: %s\n", zWhat, sqlite3_errmsg(db));
  exit(1);
}

static void run(sqlite3 *db, const char *zSql){
  if( sqlite3_exec(db, zSql, 0, 0, 0)!=SQLITE_OK ) die(db, zSql);
}

static double seconds(void){
  struct timespec ts;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec*1e-9;
}

static int compareDouble(const void *a, const void *b){
  double x = *(const double*)a, y = *(const double*)b;
  return x<y ? -1 : x>y;
}

static double median(double *a, int n){
  qsort(a, (size_t)n, sizeof(*a), compareDouble);
  return a[n/2];
}

static sqlite3 *openDb(const char *zLibrary, int nPost){
  sqlite3 *db;
  char *zErr = 0, *z;
  if( sqlite3_open(":memory:", &db) ) die(db, "open");
  sqlite3_enable_load_extension(db, 1);
  if( sqlite3_load_extension(db, zLibrary, 0, &zErr) ){
    fprintf(stderr, "page: %s\n", zErr);
    exit(1);
  }
  z = sqlite3_mprintf(
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, email TEXT UNIQUE);"
    "CREATE TABLE posts(id INTEGER PRIMARY KEY, title TEXT NOT NULL,"
    " content TEXT, published DATETIME NOT NULL, edited DATETIME,"
    " state INTEGER NOT NULL, users_id INTEGER REFERENCES users(id));"
    "CREATE INDEX ix1 ON posts(users_id); CREATE INDEX ix2 ON posts(title);"
    "CREATE INDEX ix3 ON posts(published); CREATE INDEX ix4 ON posts(edited);"
    "CREATE INDEX ix5 ON posts(state);"
    "BEGIN;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n"
    " WHERE i<1000)"
    " INSERT INTO users SELECT i, 'User '||i, 'u'||i||'@x.org' FROM n;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d)"
    " INSERT INTO posts SELECT i, 'Title '||(i*7919 %% %d),"
    " 'The content of '||i||', which is a line of text, not long.',"
    " datetime(1700000000 + i*7907 %% 5000000, 'unixepoch'), CASE WHEN i %% 3"
    " THEN datetime(1700000000 + i*7901 %% 5000000, 'unixepoch') END, i %% 3,"
    " 1 + (i*2654435761 >> 12) %% 1000 FROM n;"
    "SELECT orm_reflect(); COMMIT; ANALYZE; BEGIN;", nPost, nPost);
  run(db, z);
  sqlite3_free(z);
  return db;
}

/* The queries of N_DEEP pages from DEPTH on. */
static void deepPages(sqlite3 *db, const char *zOrder, char **azQuery){
  sqlite3_stmt *p;
  char *z = sqlite3_mprintf("{\"order_by\":%s,\"limit\":%d}", zOrder,
                            DEPTH + N_DEEP);
  int n = 0;
  if( sqlite3_prepare_v2(db, "SELECT cursor FROM orm_object('posts', ?1)", -1,
                         &p, 0) ) die(db, "prepare");
  sqlite3_bind_text(p, 1, z, -1, SQLITE_TRANSIENT);
  sqlite3_free(z);
  while( sqlite3_step(p)==SQLITE_ROW ){
    if( n>=DEPTH && n<DEPTH + N_DEEP ){
      azQuery[n - DEPTH] = sqlite3_mprintf(
          "{\"order_by\":%s,\"limit\":20,\"include\":\"users\","
          "\"after\":\"%s\"}",
          zOrder, (const char*)sqlite3_column_text(p, 0));
    }
    n++;
  }
  sqlite3_finalize(p);
  if( n!=DEPTH + N_DEEP ) die(db, "cursors");
}

/* Seconds that a page takes. */
static double page(sqlite3 *db, sqlite3_stmt *p, const char *zQuery){
  double rStart = seconds();
  sqlite3_bind_text(p, 1, zQuery, -1, SQLITE_STATIC);
  if( sqlite3_step(p)!=SQLITE_ROW ) die(db, "page");
  sqlite3_reset(p);
  return seconds() - rStart;
}

int main(int argc, char **argv){
  static const char *const azOrder[] = {
    "\"id\"", "\"-id\"", "\"title\"", "\"-title\"", "\"published\"",
    "\"-published\"", "\"edited\"", "\"-edited\"", "\"state\"",
    "[\"-state\",\"-id\"]"
  };
  int nPost = argc>2 ? atoi(argv[2]) : 50000;
  int nRun = argc>3 ? atoi(argv[3]) : 9;
  sqlite3_stmt *pPage;
  sqlite3 *db;
  if( argc<2 || nPost<DEPTH + N_DEEP || nRun<1 || nRun>MAX_RUNS ){
    fprintf(stderr, "page LIBRARY [POSTS [RUNS]]\n");
    return 1;
  }
  db = openDb(argv[1], nPost);
  if( sqlite3_prepare_v2(db, "SELECT orm_page('posts', ?1)", -1, &pPage, 0) ){
    die(db, "prepare");
  }
  printf("pages of 20 with their authors, %d posts, SQLite %s\n", nPost,
         sqlite3_libversion());
  printf("%-20s %9s %9s %7s %9s %7s %9s\n", "order", "first us", "deep us",
         "ratio", "again us", "ratio", "offset us");
  for(size_t i=0; i<sizeof(azOrder)/sizeof(azOrder[0]); i++){
    static double aFirst[MAX_RUNS*N_DEEP], aDeep[MAX_RUNS*N_DEEP];
    static double aAgain[MAX_RUNS*N_DEEP];
    double aOffset[MAX_RUNS], rFirst, rDeep, rAgain;
    char *azDeep[N_DEEP], *zFirst, *zOffset;
    zFirst = sqlite3_mprintf(
        "{\"order_by\":%s,\"limit\":20,\"include\":\"users\"}", azOrder[i]);
    zOffset = sqlite3_mprintf(
        "{\"order_by\":%s,\"limit\":20,\"include\":\"users\",\"offset\":%d}",
        azOrder[i], DEPTH);
    deepPages(db, azOrder[i], azDeep);
    for(int j=0; j<nRun*N_DEEP; j++){
      aFirst[j] = page(db, pPage, zFirst);
      aDeep[j] = page(db, pPage, azDeep[j % N_DEEP]);
      aAgain[j] = page(db, pPage, azDeep[0]);
    }
    for(int j=0; j<nRun; j++) aOffset[j] = page(db, pPage, zOffset);
    rFirst = median(aFirst, nRun*N_DEEP);
    rDeep = median(aDeep, nRun*N_DEEP);
    rAgain = median(aAgain, nRun*N_DEEP);
    printf("%-20s %9.1f %9.1f %7.2f %9.1f %7.2f %9.1f\n", azOrder[i],
           rFirst*1e6, rDeep*1e6, rDeep/rFirst, rAgain*1e6, rAgain/rFirst,
           median(aOffset, nRun)*1e6);
    for(int j=0; j<N_DEEP; j++) sqlite3_free(azDeep[j]);
    sqlite3_free(zFirst);
    sqlite3_free(zOffset);
  }
  sqlite3_finalize(pPage);
  sqlite3_close(db);
  return 0;
}
