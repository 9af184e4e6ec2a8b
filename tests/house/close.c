/*
** Loads the extension into connections, uses it, and closes them: every
** sqlite3_close() must return SQLITE_OK, whatever was cached (the shell, PHP,
** Perl, Ruby and JDBC call it so).  Each argument after the library is a
** script; it runs twice on one connection, each time in a transaction of its
** own that is rolled back, and once on a connection closed inside one.
**
**     close ./orm "SELECT 1" ...
**
** Prints what went wrong and exits with the number of complaints.
*/
#include <sqlite3.h>
#include <stdio.h>

static int nBad = 0;

static void complain(const char *zWhat, const char *zScript, const char *zWhy){
  printf("%.40s: %s: %s\n", zScript, zWhat, zWhy);
  nBad++;
}

static sqlite3 *openWith(const char *zLibrary, const char *zScript){
  sqlite3 *db = 0;
  char *zErr = 0;
  if( sqlite3_open(":memory:", &db)!=SQLITE_OK ) return db;
  sqlite3_enable_load_extension(db, 1);
  if( sqlite3_load_extension(db, zLibrary, "sqlite3_orm_init", &zErr) ){
    complain("load", zScript, zErr ? zErr : "no message");
    sqlite3_free(zErr);
  }
  return db;
}

static void run(sqlite3 *db, const char *zSql, const char *zScript){
  char *zErr = 0;
  if( sqlite3_exec(db, zSql, 0, 0, &zErr)!=SQLITE_OK ){
    complain("run", zScript, zErr ? zErr : "no message");
    sqlite3_free(zErr);
  }
}

int main(int nArg, char **azArg){
  for(int i=2; i<nArg; i++){
    const char *zScript = azArg[i];
    sqlite3 *db = openWith(azArg[1], zScript);
    for(int j=0; j<2; j++){
      run(db, "BEGIN", zScript);
      run(db, zScript, zScript);
      run(db, "ROLLBACK", zScript);
    }
    if( sqlite3_close(db)!=SQLITE_OK ) complain("close", zScript, "busy");
    db = openWith(azArg[1], zScript);
    run(db, "BEGIN", zScript);
    run(db, zScript, zScript);
    if( sqlite3_close(db)!=SQLITE_OK ){
      complain("close in a transaction", zScript, "busy");
    }
  }
  if( sqlite3_memory_used()!=0 ){
    complain("memory", "all", "some is still in use");
  }
  return nBad;
}
