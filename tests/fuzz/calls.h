/*
** Every public call over every model of a file, whatever that file says: what
** the targets metadata.c and file.c do to their inputs.
*/
#ifndef ORM_FUZZ_CALLS_H
#define ORM_FUZZ_CALLS_H
#include "fuzz.h"

#define CALL_MODELS 8           /* models of one input that are looked at     */
#define CALL_SHARE  4           /* one call in so many is made for an input   */

#define CALL_JSON   1           /* the first column is JSON or NULL           */
#define CALL_WRITE  2           /* all or nothing                             */
#define CALL_AFTER  4           /* undone at once, so that more may follow    */

static const struct FuzzCall {
  const char *zSql;             /* ?1: a model, ?2: its relationships, ?3: a
                                ** word of the input                          */
  int flags;
} aFuzzRead[] = {
  { "SELECT orm_get(?1, 1)", CALL_JSON },
  { "SELECT orm_get(?1, 1, ?2)", CALL_JSON },
  { "SELECT orm_get(?1, '[\"x\",1]', ?2)", CALL_JSON },
  { "SELECT orm_all(?1, ?2)", CALL_JSON },
  { "SELECT orm_all(?1, json_object('include', ?3, 'limit', 3))", CALL_JSON },
  { "SELECT orm_all(?1, json_object('include', json_object(?3,"
    " json_object('limit', 1, 'order_by', json_array('-id')))))", CALL_JSON },
  { "SELECT orm_all(?1, json_object('where', json_object(?3,"
    " json_object('some', json_object()))))", CALL_JSON },
  { "SELECT orm_all(?1, json_object('where', json_object(?3, 1)))", CALL_JSON },
  { "SELECT orm_all(?1, json_object('order_by', json_array(?3)))", CALL_JSON },
  { "SELECT orm_all(?1, json_object('_count', json_array(?3)))", CALL_JSON },
  { "SELECT orm_all(?1, json_object('include', ?3 || '*'))", CALL_JSON },
  { "SELECT orm_page(?1, '{\"limit\":1,\"total\":true}')", CALL_JSON },
  { "SELECT orm_count(?1), orm_exists(?1, '{\"deleted\":true}')", 0 },
  { "SELECT orm_aggregate(?1, json_object('group_by', json_array(?3),"
    " 'aggregate', json('{\"n\":{\"count\":\"*\"}}')))", CALL_JSON },
  { "SELECT object, key, cursor FROM orm_object(?1, ?2)", CALL_JSON },
  { "SELECT orm_load(?1, column1, ?2) FROM (VALUES (1), ('x'), (2))",
    CALL_JSON },
  { "SELECT object, depth, key FROM orm_related(?1, 1, ?3)", CALL_JSON },
  { "SELECT object FROM orm_related(?1, 1, ?3 || '*')", CALL_JSON },
  { "SELECT source, target FROM orm_link(?1, ?3)", 0 },
  { "SELECT source FROM orm_link(?1, ?3) WHERE target=1", 0 },
  { "SELECT sql, plan FROM orm_explain(?1, ?2)", 0 },
  { "SELECT action, table_name, key, path FROM orm_delete_plan(?1, 1)", 0 },
}, aFuzzWrite[] = {
  { "SELECT orm_create(?1, '{\"name\":\"n\",\"title\":\"t\"}')",
    CALL_JSON | CALL_WRITE },
  { "SELECT orm_create(?1, json_object('id', 9, 'name', 'n', 'author', 1,"
    " 'email', 'e', ?3, json_array(json_object('name', 'm'))))",
    CALL_JSON | CALL_WRITE },
  { "SELECT orm_save(?1, '{\"id\":1,\"name\":\"y\",\"title\":\"t\"}', ?2)",
    CALL_JSON | CALL_WRITE | CALL_AFTER },
  { "SELECT orm_update(?1, 1, json_object(?3, json_array()))",
    CALL_JSON | CALL_WRITE | CALL_AFTER },
  { "SELECT orm_update(?1, 1, json_object(?3, NULL), ?2)",
    CALL_JSON | CALL_WRITE | CALL_AFTER },
  { "SELECT orm_update(?1, 1, '{\"id\":77}')",
    CALL_JSON | CALL_WRITE | CALL_AFTER },
  { "SELECT orm_update_many(?1, '{}', '{\"name\":\"all\"}')",
    CALL_WRITE | CALL_AFTER },
  { "SELECT orm_create_many(?1, '[{\"name\":\"a\"},{\"name\":\"b\"}]')",
    CALL_WRITE | CALL_AFTER },
  { "INSERT OR IGNORE INTO orm_object(model, object)"
    " VALUES (?1, '{\"id\":1,\"email\":\"a@x\",\"name\":\"x\"}')",
    CALL_WRITE | CALL_AFTER },
  { "UPDATE orm_object SET object='{\"name\":\"z\"}' WHERE model=?1"
    " AND query='{\"limit\":2}'", CALL_WRITE | CALL_AFTER },
  { "SELECT orm_delete(?1, 1)", CALL_WRITE | CALL_AFTER },
  { "SELECT orm_delete(?1, '[\"x\",1]')", CALL_WRITE | CALL_AFTER },
  { "SELECT orm_restore(?1, 3)", CALL_WRITE | CALL_AFTER },
  { "SELECT orm_delete_many(?1, '{\"deleted\":true}')",
    CALL_WRITE | CALL_AFTER },
  { "DELETE FROM orm_object WHERE model=?1 AND query='{}'",
    CALL_WRITE | CALL_AFTER },
}, aFuzzFile[] = {
  { "SELECT orm_schema()", CALL_JSON },
  { "SELECT severity, model, subject, message, fix FROM orm_check", 0 },
  { "SELECT orm_diagram(), orm_diagram('dot')", 0 },
  { "SELECT orm_generate('c'), orm_generate('python')", 0 },
  { "SELECT orm_generate('typescript')", 0 },
  { "SELECT orm_generate('jsonschema')", CALL_JSON },
  { "SELECT * FROM orm_diff('{\"t\":{\"columns\":{\"id\":"
    "\"INTEGER PRIMARY KEY\"}}}')", 0 },
  { "SELECT orm_reflect()", CALL_WRITE | CALL_AFTER },
  { "SELECT orm_enforce(1)", CALL_WRITE },
};

/* Which calls an input gets: each by a throw of its own dice, the same ones
** whenever it runs. */
static unsigned callDice;

static int callThrow(void){
  callDice = callDice*1664525u + 1013904223u;
  return (callDice>>16)%CALL_SHARE==0;
}

/* All that a statement gives, thrown away; its result code.  The texts of
** errors are judged if bStrict. */
static int callRun(
  const struct FuzzCall *pCall, const char *const *azArg, int bStrict
){
  sqlite3_stmt *pStmt = 0;
  int rc = sqlite3_prepare_v2(fuzzDb, pCall->zSql, -1, &pStmt, 0);
  for(int i=0; rc==SQLITE_OK && i<sqlite3_bind_parameter_count(pStmt); i++){
    sqlite3_bind_text(pStmt, i+1, azArg[i], -1, SQLITE_STATIC);
  }
  sqlite3_progress_handler(fuzzDb, FUZZ_OPS, fuzzStop, 0);
  if( rc==SQLITE_OK ){
    while( (rc = sqlite3_step(pStmt))==SQLITE_ROW ){
      if( pCall->flags & CALL_JSON ){
        fuzzCheckJson(sqlite3_column_value(pStmt, 0));
      }
      for(int i=0; i<sqlite3_column_count(pStmt); i++){
        sqlite3_column_text(pStmt, i);
      }
    }
  }
  sqlite3_progress_handler(fuzzDb, 0, 0, 0);
  if( rc==SQLITE_DONE ) rc = SQLITE_OK;
  if( rc==SQLITE_MISUSE || rc==SQLITE_INTERNAL
   || (rc!=SQLITE_OK && bStrict
       && !fuzzMayFail(rc & 0xff, sqlite3_errmsg(fuzzDb))) ){
    fprintf(stderr, "fuzz: model %s, word %s, include %s\n", azArg[0], azArg[2],
            azArg[1]);
    fuzzFail(pCall->zSql, sqlite3_errmsg(fuzzDb));
  }
  sqlite3_finalize(pStmt);
  return rc;
}

/* The first value of a statement as a text that sqlite3_free() frees, or 0. */
static char *callText(const char *zSql, const char *zArg){
  sqlite3_stmt *pStmt = 0;
  char *z = 0;
  if( sqlite3_prepare_v2(fuzzDb, zSql, -1, &pStmt, 0)!=SQLITE_OK ) return 0;
  sqlite3_bind_text(pStmt, 1, zArg, -1, SQLITE_STATIC);
  sqlite3_progress_handler(fuzzDb, FUZZ_OPS, fuzzStop, 0);
  if( sqlite3_step(pStmt)==SQLITE_ROW ){
    z = sqlite3_mprintf("%s", sqlite3_column_text(pStmt, 0));
  }
  sqlite3_progress_handler(fuzzDb, 0, 0, 0);
  sqlite3_finalize(pStmt);
  return z;
}

/* A savepoint may be gone with its transaction, in a file that is damaged. */
static void callQuiet(const char *zSql){
  sqlite3_exec(fuzzDb, zSql, 0, 0, 0);
}

/* A write: zContent is a SELECT of all that it may change (0: not asked). */
static void callWrite(
  const struct FuzzCall *pCall, const char *const *azArg, int bStrict,
  const char *zContent
){
  char *zBefore = zContent ? callText(zContent, 0) : 0;
  int bOpen = !sqlite3_get_autocommit(fuzzDb);
  int rc;
  callQuiet("SAVEPOINT fuzz_call");
  rc = callRun(pCall, azArg, bStrict);
  if( fuzzStopped && bOpen && sqlite3_get_autocommit(fuzzDb) ) rc = SQLITE_OK;
  if( rc!=SQLITE_OK && zBefore ){
    char *zAfter = callText(zContent, 0);
    if( zAfter && strcmp(zBefore, zAfter) ){
      fprintf(stderr, "before: %s\n after: %s\n", zBefore, zAfter);
      fuzzFail("half written", pCall->zSql);
    }
    sqlite3_free(zAfter);
  }
  sqlite3_free(zBefore);
  if( pCall->flags & CALL_AFTER ) callQuiet("ROLLBACK TO fuzz_call");
  callQuiet("RELEASE fuzz_call");
}

static void callList(
  const struct FuzzCall *aCall, int nCall, const char *const *azArg,
  int bStrict, const char *zContent
){
  for(int i=0; i<nCall; i++){
    if( !callThrow() ) continue;
    if( aCall[i].flags & CALL_WRITE ){
      callWrite(&aCall[i], azArg, bStrict, zContent);
    }else{
      callRun(&aCall[i], azArg, bStrict);
    }
  }
}

/* A model table over zModel: made, read, written, dropped. */
static void callTable(const char *zModel, int bStrict){
  static const struct FuzzCall aCall[] = {
    { "SELECT * FROM fuzz_table", 0 },
    { "SELECT object FROM fuzz_table", CALL_JSON },
    { "SELECT count(*) FROM fuzz_table WHERE id IN (1, 2) AND name>'A'", 0 },
    { "SELECT * FROM fuzz_table(?2) ORDER BY 2 LIMIT 2", 0 },
    { "UPDATE fuzz_table SET name='u'", 0 },
    { "INSERT INTO fuzz_table(name) VALUES('i')", 0 },
    { "DELETE FROM fuzz_table", 0 },
  };
  const char *azArg[3];
  char *zSql = sqlite3_mprintf("CREATE VIRTUAL TABLE temp.fuzz_table"
                               " USING orm(\"%w\")", zModel);
  struct FuzzCall create = { zSql, 0 };
  azArg[0] = azArg[2] = zModel;
  azArg[1] = "";
  callQuiet("SAVEPOINT fuzz_table");
  if( zSql && callRun(&create, azArg, bStrict)==SQLITE_OK ){
    sqlite3_stmt *pStmt = 0;
    for(int i=0; i<ORM_COUNT(aCall); i++) callRun(&aCall[i], azArg, 0);
    sqlite3_prepare_v2(fuzzDb, "SELECT name FROM"
        " pragma_table_xinfo('fuzz_table')", -1, &pStmt, 0);
    for(int i=0; i<12 && sqlite3_step(pStmt)==SQLITE_ROW; i++){
      struct FuzzCall column = { sqlite3_mprintf("SELECT \"%w\" FROM fuzz_table"
          " WHERE \"%w\">=''", sqlite3_column_text(pStmt, 0),
          sqlite3_column_text(pStmt, 0)), 0 };
      if( column.zSql ) callRun(&column, azArg, 0);
      sqlite3_free((char*)column.zSql);
    }
    sqlite3_finalize(pStmt);
  }
  callQuiet("ROLLBACK TO fuzz_table; RELEASE fuzz_table");
  sqlite3_free(zSql);
}

/*
** Of everything a share: reads and writes of each model, what is asked of the
** file as a whole, a model table.  zWord is any word; bStrict: the schema is
** known and sound, so all errors are ours.
*/
static void fuzzCalls(
  const unsigned char *pInput, size_t nInput, const char *zWord, int bStrict,
  const char *zContent
){
  char *azModel[CALL_MODELS];
  const char *azArg[3];
  int nModel = 0;
  sqlite3_stmt *pStmt = 0;
  callDice = 1;
  for(size_t i=0; i<nInput; i++) callDice = callDice*31 + pInput[i];
  if( sqlite3_prepare_v2(fuzzDb, "SELECT name FROM orm_model", -1, &pStmt, 0)
      ==SQLITE_OK ){
    while( nModel<CALL_MODELS && sqlite3_step(pStmt)==SQLITE_ROW ){
      const char *z = (const char*)sqlite3_column_text(pStmt, 0);
      if( z ) azModel[nModel++] = sqlite3_mprintf("%s", z);
    }
  }
  sqlite3_finalize(pStmt);
  azArg[0] = azArg[1] = "";
  azArg[2] = zWord;
  callList(aFuzzFile, ORM_COUNT(aFuzzFile), azArg, bStrict, zContent);
  for(int i=0; i<nModel; i++){
    char *zInclude = callText("SELECT group_concat(name) FROM orm_relationship"
                              " WHERE model=?1", azModel[i]);
    char *zOne = callText("SELECT name FROM orm_relationship WHERE model=?1",
                          azModel[i]);
    azArg[0] = azModel[i];
    azArg[2] = zOne && callDice & 0x10000 ? zOne : zWord;
    azArg[1] = zInclude ? zInclude : "";
    callList(aFuzzRead, ORM_COUNT(aFuzzRead), azArg, bStrict, zContent);
    callList(aFuzzWrite, ORM_COUNT(aFuzzWrite), azArg, bStrict, zContent);
    if( callThrow() ) callTable(azModel[i], bStrict);
    sqlite3_free(zInclude);
    sqlite3_free(zOne);
    sqlite3_free(azModel[i]);
  }
}

#endif /* ORM_FUZZ_CALLS_H */
