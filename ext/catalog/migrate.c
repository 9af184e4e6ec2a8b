/*
** orm_migrate(): the steps of orm_diff() carried out, all or none.
**
** It runs in a savepoint, so that a table may be dropped: SQLite does that
** only while nothing else reads, that is in a bare SELECT orm_migrate(..).
** Where no savepoint can be opened (inside an INSERT, through orm_call) the
** anchor takes its place, which is good for everything but that.
**
** Foreign keys are off meanwhile, or dropping a table would delete or nullify
** the rows that refer to it; at the end they must hold as before.  Renames go
** first, then the rest is reckoned anew.  Afterwards nothing may be left to
** do, every model must work, and what SQLite could compile before (views, the
** triggers of the tables) it must still.
*/
#include "diff.h"

typedef struct Migrate Migrate;
struct Migrate {
  Orm *pOrm;
  OrmErr *pErr;
  const char *zDoc; i64 nDoc;
  OrmOrderCheck xOrder;
  void (*xAfter)(Orm*, OrmErr*);
  u8 bDestructive, bKeep;
  i64 nStep;
  OrmBuf statements;            /* JSON: what was run                         */
  sqlite3_stmt *pPanic;         /* see panicReady()                           */
  u8 bLegacy;                   /* legacy_alter_table for what comes          */
};

/* ------------------------------------------------------------------------
** Options
*/
static void parseOptions(
  OrmArena *pArena, const char *z, i64 n, u8 *pbDestructive, u8 *pbKeep
){
  static const char *const azPart[] = { "destructive", "keep", 0 };
  OrmErr *pErr = pArena->pErr;
  OrmJson *pDoc = z ? ormJsonParse(pArena, z, n, "options") : 0;
  if( pDoc==0 ) return;
  if( pDoc->eType!=ORM_JSON_OBJECT ){
    ormJsonErr(pErr, pDoc, "options are an object, not %s",
               ormJsonTypeName(pDoc));
  }
  for(const OrmJson *p=pDoc->pChild; p && pErr->rc==SQLITE_OK; p=p->pNext){
    u8 *pb = ormJsonIs(p, "destructive") ? pbDestructive
           : ormJsonIs(p, "keep") ? pbKeep : 0;
    if( pb==0 ){
      const char *zNear = ormNearest(p->zKey, p->nKey, ormNameInArray, azPart);
      ormJsonErr(pErr, p, "no such option%s%s%s",
          zNear ? " (did you mean " : "", zNear ? zNear : "",
          zNear ? "?)" : "");
    }else if( p->eType!=ORM_JSON_TRUE && p->eType!=ORM_JSON_FALSE ){
      ormJsonErr(pErr, p, "is true or false");
    }else{
      *pb = p->eType==ORM_JSON_TRUE;
    }
  }
}

/* The steps from the file to the document, in the arena. */
static void findSteps(
  Orm *pOrm, OrmArena *pArena, const char *zDoc, i64 nDoc, int bKeep,
  OrmDiff *pDiff
){
  OrmDoc *pDoc;
  memset(pDiff, 0, sizeof(*pDiff));
  ormFactHold(pOrm, pArena->pErr);
  pDoc = ormDocParse(pOrm, pArena, zDoc, nDoc);
  if( pDoc ) ormDiffSteps(pDiff, pDoc, bKeep);
  ormFactRelease(pOrm);
}

void ormDiff(
  Orm *pOrm, OrmErr *pErr, const char *zDoc, i64 nDoc, const char *zOptions,
  i64 nOptions, OrmStepRow xRow, void *pArg
){
  OrmArena arena;
  OrmDiff diff;
  u8 bDestructive = 0, bKeep = 0;
  ormArenaInit(&arena, pErr);
  parseOptions(&arena, zOptions, nOptions, &bDestructive, &bKeep);
  if( pErr->rc==SQLITE_OK ){
    findSteps(pOrm, &arena, zDoc, nDoc, bKeep, &diff);
    for(const OrmStep *p=diff.pFirst; p && pErr->rc==SQLITE_OK; p=p->pNext){
      xRow(pArg, p->iStep, p->zKind, p->zModel, p->zSubject, p->zSql,
           p->bDestructive);
    }
  }
  ormArenaFree(&arena);
}

/* ------------------------------------------------------------------------
** Steps carried out
*/
static void refuseDestructive(Migrate *p, const OrmDiff *pDiff){
  for(const OrmStep *q=pDiff->pFirst; q && !p->bDestructive; q=q->pNext){
    if( !q->bDestructive || strcmp(q->zKind, "rebuild")==0 ) continue;
    ormErr(p->pErr, SQLITE_ERROR, "orm: %s: the %s %s would lose data: allow it"
        " with {\"destructive\": true}%s", q->zModel, q->zKind, q->zSubject,
        q->zHint ? q->zHint : "");
    return;
  }
}

static void record(Migrate *p, const char *zSql, i64 n){
  ormBufChar(&p->statements, p->statements.n ? ',' : '[');
  ormJsonString(&p->statements, zSql, n);
}

/*
** Out of memory, or interrupted, SQLite runs nothing more until the outermost
** statement is over, no ROLLBACK either.  But a statement that may write rolls
** all back as it fails for that reason: one that runs, so statements are run
** inside ormAnchorRunAll(), and one that is there already, so pPanic is kept
** ready for the time between.  It is prepared anew, in there too, after
** whatever may have spent it.  (Before 3.40 SQLite does not begin it either:
** the transaction stays open, and is the caller's to roll back.)
*/
static void panicReady(Migrate *p){
  sqlite3_stmt *pNew = ormFactOpen(p->pOrm, p->pErr,
                                   "DELETE FROM main.orm_state WHERE id=-1");
  if( pNew==0 ) return;
  sqlite3_finalize(p->pPanic);
  p->pPanic = pNew;
}

typedef struct Statement Statement;
struct Statement {
  Migrate *p;
  OrmErr *pErr;
  sqlite3_stmt *pStmt;
};

static void statementJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  Statement *p = (Statement*)pArg;
  int rc;
  do{
    rc = sqlite3_step(p->pStmt);
  }while( rc==SQLITE_ROW );     /* of PRAGMA count_changes                    */
  if( rc==SQLITE_DONE ) rc = sqlite3_reset(p->pStmt);
  ormErrDb(pErr, pOrm->db, rc);
  if( pErr->rc==SQLITE_OK ) panicReady(p->p);
}

static int isDrop(const char *zSql){
  return sqlite3_strnicmp(zSql, "DROP ", 5)==0;
}

/* Run one statement.  What is dropped is dropped outside: SQLite wants that. */
static void runStatement(Migrate *p, OrmErr *pErr, const char *zSql,
                         sqlite3_stmt *pStmt){
  Statement statement = { p, pErr, pStmt };
  if( isDrop(zSql) ) statementJob(p->pOrm, pErr, &statement);
  else ormAnchorRunAll(p->pOrm, pErr, statementJob, &statement);
}

/* A message of a rebuild speaks of the new table: call it as it will be. */
static void callByName(char *zMessage){
  static const char zNew[] = "orm_new_";
  char *z = zMessage;
  while( z && (z = strstr(z, zNew))!=0 ){
    memmove(z, &z[sizeof(zNew)-1], strlen(&z[sizeof(zNew)-1])+1);
  }
}

/* Run the statements of a step; errors at what of the document it is about. */
static void runStep(Migrate *p, OrmDiff *pDiff, const OrmStep *pStep){
  const char *z = pStep->zSql;
  OrmErr err = {0};
  while( z && *z && err.rc==SQLITE_OK ){
    sqlite3_stmt *pStmt = 0;
    const char *zTail = z;
    int rc = sqlite3_prepare_v3(p->pOrm->db, z, -1, 0, &pStmt, &zTail);
    ormErrDb(&err, p->pOrm->db, rc);
    if( pStmt ){
      record(p, z, zTail - z);
      runStatement(p, &err, z, pStmt);
    }
    sqlite3_finalize(pStmt);
    z = zTail + strspn(zTail, "\n");
  }
  callByName(err.zMsg);
  if( (err.rc & 0xff)==SQLITE_LOCKED ){
    ormErrClear(&err);
    ormErr(&err, SQLITE_LOCKED, "orm: %s has to be dropped or rebuilt, which"
        " SQLite does only while nothing else runs: call it as SELECT"
        " orm_migrate(..) alone", pStep->zSubject);
  }else if( err.rc && pStep->pNode ){
    ormErrPrefix(&err, "orm: %s: ", ormJsonPath(pDiff->pArena, pStep->pNode));
  }else if( err.rc ){
    ormErrPrefix(&err, "orm: %s %s: ", pStep->zKind, pStep->zSubject);
  }
  ormErrMove(&err, p->pErr);
}

/* Set a switch of the connection; returns what it was. */
static int setSwitch(Orm *pOrm, int eSwitch, int bOn){
  int bWas = 0;
  sqlite3_db_config(pOrm->db, eSwitch, -1, &bWas);
  if( bWas!=bOn ) sqlite3_db_config(pOrm->db, eSwitch, bOn, (int*)0);
  return bWas;
}

/* Setting it spends prepared statements. */
static void legacyJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  Migrate *p = (Migrate*)pArg;
  ORM_UNUSED(pErr);
  setSwitch(pOrm, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, p->bLegacy);
  panicReady(p);
}

/* All renames, or all other steps.  Renames carry the new names to whatever
** holds the old; the rename that ends a rebuild must not. */
static void runSteps(Migrate *p, OrmDiff *pDiff, int bRenames){
  int iStep = 0;
  p->bLegacy = !bRenames;
  ormAnchorRunAll(p->pOrm, p->pErr, legacyJob, p);
  for(const OrmStep *q=pDiff->pFirst; q && p->pErr->rc==SQLITE_OK; q=q->pNext){
    if( q->bRename!=bRenames ) continue;
    if( q->iStep!=iStep ) p->nStep++;
    iStep = q->iStep;
    runStep(p, pDiff, q);
  }
}

/* ------------------------------------------------------------------------
** TEMP triggers
**
** A table takes its triggers along when it is dropped, those in TEMP too: these
** are the connection's, not the file's, so no step speaks of them.
*/
typedef struct TempTrigger TempTrigger;
struct TempTrigger { const char *zName, *zTable, *zSql; };

static TempTrigger *tempTriggers(Migrate *p, OrmArena *pArena, int *pn){
  TempTrigger *a = 0;
  int nAlloc = 0;
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr, "SELECT name, tbl_name,"
      " sql FROM temp.sqlite_schema WHERE type='trigger' ORDER BY rowid");
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    TempTrigger *pNew = ormArenaGrow(pArena, (void**)&a, *pn, &nAlloc,
                                     sizeof(*pNew));
    if( pNew==0 ) break;
    pNew->zName = ormFactText(pArena, pStmt, 0);
    pNew->zTable = ormFactText(pArena, pStmt, 1);
    pNew->zSql = ormFactText(pArena, pStmt, 2);
    *pn += pNew->zName && pNew->zTable && pNew->zSql;
  }
  sqlite3_finalize(pStmt);
  return a;
}

/* Make again those that went with a table which is there. */
static void restoreTriggers(Migrate *p, OrmArena *pArena, const TempTrigger *a,
                            int n){
  for(int i=0; i<n && p->pErr->rc==SQLITE_OK; i++){
    sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr, "SELECT 1 FROM"
        " temp.sqlite_schema WHERE type='trigger' AND name=%Q", a[i].zName);
    int bThere = ormFactStep(p->pOrm, p->pErr, pStmt);
    sqlite3_finalize(pStmt);
    if( bThere || ormFactKind(p->pOrm, p->pErr, a[i].zTable)==ORM_KIND_NONE ){
      continue;
    }
    ormFactExec(p->pOrm, p->pErr, "%s", ormDdlTempTrigger(pArena, a[i].zSql));
    ormErrPrefix(p->pErr, "orm: the TEMP trigger %s: ", a[i].zName);
  }
}

/* ------------------------------------------------------------------------
** Before and after
*/

/* SQLite's word on a view or trigger that broke on the way can be no more than
** that something is wrong: say what. */
static void sayWhat(Migrate *p, const OrmSound *aSound){
  OrmErr err = {0};
  if( p->pErr->rc!=SQLITE_ERROR ) return;
  ormSoundCheck(p->pOrm, &err, aSound);
  if( (err.rc & 0xff)==SQLITE_ERROR ){
    ormErrClear(p->pErr);
    *p->pErr = err;
  }else{
    ormErrClear(&err);
  }
}

/* ------------------------------------------------------------------------
** What was applied
*/
static void recordMigration(Migrate *p){
  char zNow[32];
  if( p->nStep==0 || p->pErr->rc ) return;
  ormBufChar(&p->statements, ']');
  ormNow(p->pOrm, p->pErr, zNow, 0);
  if( ormFactKind(p->pOrm, p->pErr, "orm_migration")==ORM_KIND_NONE ){
    ormFactExec(p->pOrm, p->pErr, "CREATE TABLE main.orm_migration(\n"
        "  id INTEGER PRIMARY KEY,\n  applied_at DATETIME NOT NULL,\n"
        "  document_hash TEXT NOT NULL,\n  steps INTEGER NOT NULL,\n"
        "  statements JSON NOT NULL\n)");
  }
  ormFactExec(p->pOrm, p->pErr, "INSERT INTO main.orm_migration(applied_at,"
      " document_hash, steps, statements) VALUES(%Q, '%016llx', %lld, %Q)",
      zNow, ormHash(ORM_HASH_BEGIN, p->zDoc, p->nDoc), p->nStep,
      ormBufText(&p->statements));
}

/* ------------------------------------------------------------------------
** All of it
*/

/* After the last step: the document is reached, and works. */
static void checkReached(Migrate *p){
  OrmArena arena;
  OrmDiff diff;
  ormArenaInit(&arena, p->pErr);
  findSteps(p->pOrm, &arena, p->zDoc, p->nDoc, p->bKeep, &diff);
  if( diff.pDoc ) ormDocCheck(diff.pDoc, p->xOrder);
  if( diff.pFirst ){
    ormErr(p->pErr, SQLITE_ERROR, "orm: the document cannot be reached: %s %s"
        " would still differ (%.*s)", diff.pFirst->zKind, diff.pFirst->zSubject,
        (int)strcspn(diff.pFirst->zSql, "\n"), diff.pFirst->zSql);
  }
  ormArenaFree(&arena);
}

static void migrateJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  Migrate *p = (Migrate*)pArg;
  OrmArena arena;
  OrmDiff diff;
  ORM_UNUSED(pOrm);
  ormArenaInit(&arena, pErr);
  findSteps(p->pOrm, &arena, p->zDoc, p->nDoc, p->bKeep, &diff);
  refuseDestructive(p, &diff);
  if( pErr->rc==SQLITE_OK && diff.pFirst ){
    const OrmSound *aSound = ormSoundRead(p->pOrm, pErr, &arena);
    const OrmDangling *pDangling;
    const OrmWorking *pWorking;
    const TempTrigger *aTemp;
    int nTemp = 0;
    ormStateEnsure(p->pOrm, pErr);
    pWorking = ormWorkingRead(p->pOrm, pErr, &arena, p->xOrder);
    panicReady(p);
    runSteps(p, &diff, 1);
    if( p->nStep ){             /* the rest is about the new names           */
      ormSoundCheck(p->pOrm, pErr, aSound);
      aSound = ormSoundRead(p->pOrm, pErr, &arena);
    }
    pDangling = ormDanglingRead(p->pOrm, pErr, &arena);
    findSteps(p->pOrm, &arena, p->zDoc, p->nDoc, p->bKeep, &diff);
    refuseDestructive(p, &diff);
    aTemp = tempTriggers(p, &arena, &nTemp);
    runSteps(p, &diff, 0);
    restoreTriggers(p, &arena, aTemp, nTemp);
    sayWhat(p, aSound);
    checkReached(p);
    ormWorkingCheck(p->pOrm, pErr, pWorking, p->xOrder);
    ormDanglingCheck(p->pOrm, pErr, pDangling);
    if( pErr->rc==SQLITE_OK ) p->xAfter(p->pOrm, pErr);
    ormSoundCheck(p->pOrm, pErr, aSound);
    recordMigration(p);
  }
  ormArenaFree(&arena);
}

/* Undo all.  A transaction that the savepoint began ends with it, also where
** SQLite could not commit it: RELEASE would try to once more. */
static void undo(Migrate *p, int bTransaction){
  const char *zSql = bTransaction
      ? "ROLLBACK TO orm_migrate; RELEASE orm_migrate" : "ROLLBACK";
  if( sqlite3_get_autocommit(p->pOrm->db) ) return;
  if( sqlite3_exec(p->pOrm->db, zSql, 0, 0, 0)!=SQLITE_OK && p->pPanic ){
    sqlite3_step(p->pPanic);
  }
}

/* Close the savepoint: keep what was done, or undo it.  If a transaction of
** the caller's goes with it, the code says so. */
static void savepointEnd(Migrate *p, int bTransaction){
  ormFactExec(p->pOrm, p->pErr, "RELEASE orm_migrate");
  if( p->pErr->rc==SQLITE_OK ) return;
  undo(p, bTransaction);
  if( bTransaction && sqlite3_get_autocommit(p->pOrm->db) ){
    p->pErr->rc = SQLITE_ABORT_ROLLBACK;
  }
}

static void runSafely(Migrate *p){
  Orm *pOrm = p->pOrm;
  int bTransaction = !sqlite3_get_autocommit(pOrm->db);
  int rc = sqlite3_exec(pOrm->db, "SAVEPOINT orm_migrate", 0, 0, 0);
  if( rc==SQLITE_BUSY ){
    ormAnchorRun(pOrm, p->pErr, migrateJob, p);
  }else if( rc!=SQLITE_OK ){
    ormErrDb(p->pErr, pOrm->db, rc);
  }else{
    migrateJob(pOrm, p->pErr, p);
    savepointEnd(p, bTransaction);
  }
  sqlite3_finalize(p->pPanic);
}

i64 ormMigrate(
  Orm *pOrm, OrmErr *pErr, const char *zDoc, i64 nDoc, const char *zOptions,
  i64 nOptions, OrmOrderCheck xOrder, void (*xAfter)(Orm*, OrmErr*)
){
  OrmArena arena;
  Migrate migrate;
  Migrate *p = &migrate;
  int bForeign, bLegacy;
  memset(p, 0, sizeof(*p));
  p->pOrm = pOrm;
  p->pErr = pErr;
  p->zDoc = zDoc;
  p->nDoc = nDoc;
  p->xOrder = xOrder;
  p->xAfter = xAfter;
  ormBufInit(&p->statements, pErr);
  ormArenaInit(&arena, pErr);
  parseOptions(&arena, zOptions, nOptions, &p->bDestructive, &p->bKeep);
  ormArenaFree(&arena);
  if( pErr->rc==SQLITE_OK && ormContextEnsure(pOrm, pErr) ){
    bForeign = setSwitch(pOrm, SQLITE_DBCONFIG_ENABLE_FKEY, 0);
    bLegacy = setSwitch(pOrm, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 0);
    runSafely(p);
    setSwitch(pOrm, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, bLegacy);
    setSwitch(pOrm, SQLITE_DBCONFIG_ENABLE_FKEY, bForeign);
  }
  ormBufFree(&p->statements);
  return pErr->rc ? 0 : p->nStep;
}
