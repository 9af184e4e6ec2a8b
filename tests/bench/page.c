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
#include "kit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_DEEP 200              /* different cursors                          */
#define DEPTH 10000

static void build(int nPost){
  char *z = sqlite3_mprintf(
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
  run(z);
  sqlite3_free(z);
}

/* The queries of N_DEEP pages from DEPTH on. */
static void deepPages(const char *zOrder, char **azQuery){
  sqlite3_stmt *p;
  char *z = sqlite3_mprintf("{\"order_by\":%s,\"limit\":%d}", zOrder,
                            DEPTH + N_DEEP);
  int n = 0;
  p = prepare("SELECT cursor FROM orm_object('posts', ?1)");
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
  if( n!=DEPTH + N_DEEP ) die("cursors");
}

/* Seconds that a page takes. */
static double page(sqlite3_stmt *p, const char *zQuery){
  double rStart = processor();
  sqlite3_bind_text(p, 1, zQuery, -1, SQLITE_STATIC);
  if( sqlite3_step(p)!=SQLITE_ROW ) die("page");
  sqlite3_reset(p);
  return processor() - rStart;
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
  if( argc<2 || nPost<DEPTH + N_DEEP || nRun<1 || nRun>MAX_RUNS ){
    fprintf(stderr, "page LIBRARY [POSTS [RUNS]]\n");
    return 1;
  }
  openFile(":memory:", argv[1], 0);
  build(nPost);
  pPage = prepare("SELECT orm_page('posts', ?1)");
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
    deepPages(azOrder[i], azDeep);
    for(int j=0; j<nRun*N_DEEP; j++){
      aFirst[j] = page(pPage, zFirst);
      aDeep[j] = page(pPage, azDeep[j % N_DEEP]);
      aAgain[j] = page(pPage, azDeep[0]);
    }
    for(int j=0; j<nRun; j++) aOffset[j] = page(pPage, zOffset);
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
  closeFile();
  return 0;
}
