/*
** orm_enforce(): the delete rules as triggers in the file, for programs that
** know nothing of this extension.
**
** Each model's table gets one BEFORE DELETE trigger, orm_enforce_<table>; the
** text is made by trigger.c.  Their guard and work rows live in orm_state, so
** there is no table to drop when they go: DROP TRIGGER works in every context,
** DROP TABLE does not.
**
** The triggers of a file are right if they are, letter for letter, what would
** be made now; that is all the drift check there is.
*/
#include "trigger.h"

static const char zNames[] =
    "SELECT name, sql FROM \"main\".sqlite_schema WHERE type = 'trigger' "
    "AND name GLOB 'orm_enforce_*' ORDER BY name";

typedef struct Trigger Trigger;
struct Trigger {                /* one that is there, or should be            */
  const char *zName, *zSql;     /* from CREATE TRIGGER on, as SQLite keeps it */
  const char *zModel;
  u8 bSeen;
};
typedef struct TriggerList TriggerList;
struct TriggerList { int n, nAlloc; Trigger *a; };

static Trigger *listAdd(OrmArena *pArena, TriggerList *p){
  Trigger *pNew = ormArenaGrow(pArena, (void**)&p->a, p->n, &p->nAlloc,
                               (int)sizeof(*pNew));
  if( pNew==0 ) return 0;
  memset(pNew, 0, sizeof(*pNew));
  p->n++;
  return pNew;
}

static Trigger *listFind(TriggerList *p, const char *zName){
  for(int i=0; i<p->n; i++){
    if( sqlite3_stricmp(p->a[i].zName, zName)==0 ) return &p->a[i];
  }
  return 0;
}

/* The triggers of the file. */
static void listThere(
  Orm *pOrm, OrmErr *pErr, OrmArena *pArena, TriggerList *p
){
  sqlite3_stmt *pStmt = ormFactOpen(pOrm, pErr, "%s", zNames);
  while( ormFactStep(pOrm, pErr, pStmt) ){
    Trigger *pNew = listAdd(pArena, p);
    if( pNew==0 ) break;
    pNew->zName = ormFactText(pArena, pStmt, 0);
    pNew->zSql = ormFactText(pArena, pStmt, 1);
  }
  sqlite3_finalize(pStmt);
}

/* The triggers that should be there: of every table that is a model's, is no
** view and not soft-deleted, and whose deletes mean something to others. */
static void listDue(
  Orm *pOrm, OrmErr *pErr, OrmCatalog *pCatalog, OrmArena *pArena,
  TriggerList *p
){
  OrmRules *pRules = ormRulesGet(pOrm, pErr, pCatalog);
  OrmBuf buf;
  ormBufInit(&buf, pErr);
  for(int i=0; i<ormCatalogCount(pCatalog) && pErr->rc==SQLITE_OK; i++){
    OrmModel *pModel = ormModelFind(pOrm, pErr, pCatalog,
                                    ormCatalogName(pCatalog, i), -1);
    OrmNode *pNode;
    Trigger *pNew;
    if( pModel==0 || pModel->bView ) continue;
    pNode = ormNodeFind(pErr, pRules, pModel->zTable);
    if( pNode==0 || pNode->pModel!=pModel || pNode->pSoft ) continue;
    ormBufReset(&buf);
    if( !ormTriggerSql(pOrm, pErr, pNode, &buf) ) continue;
    pNew = listAdd(pArena, p);
    if( pNew==0 ) break;
    pNew->zName = ormArenaPrintf(pArena, "orm_enforce_%s", pModel->zTable);
    pNew->zSql = ormArenaText(pArena, ormBufText(&buf), buf.n);
    pNew->zModel = pModel->zName;
  }
  ormBufFree(&buf);
}

/* Is a guard in the file that no delete of this moment set?  RAISE(FAIL) in a
** trigger of the user's leaves one, and it would silence ours for ever. */
static int guardLeft(Orm *pOrm, OrmErr *pErr){
  sqlite3_stmt *pStmt;
  int bLeft;
  if( ormFactKind(pOrm, pErr, "orm_state")!=ORM_KIND_TABLE ) return 0;
  pStmt = ormFactOpen(pOrm, pErr,
      "SELECT 1 FROM \"main\".orm_state WHERE id >= 2 LIMIT 1");
  bLeft = ormFactStep(pOrm, pErr, pStmt);
  sqlite3_finalize(pStmt);
  return bLeft;
}

typedef struct EnforceJob EnforceJob;
struct EnforceJob { int bOn; int nTrigger; };

static void enforceOff(
  Orm *pOrm, OrmErr *pErr, EnforceJob *pJob, OrmArena *pArena
){
  TriggerList there = {0};
  listThere(pOrm, pErr, pArena, &there);
  for(int i=0; i<there.n && pErr->rc==SQLITE_OK; i++){
    ormFactExec(pOrm, pErr, "DROP TRIGGER \"main\".\"%w\"", there.a[i].zName);
    pJob->nTrigger++;
  }
}

/* Make what is due, leave what is right, drop what is left over. */
static void enforceOn(
  Orm *pOrm, OrmErr *pErr, OrmCatalog *pCatalog, EnforceJob *pJob,
  OrmArena *pArena
){
  TriggerList there = {0}, due = {0};
  listThere(pOrm, pErr, pArena, &there);
  listDue(pOrm, pErr, pCatalog, pArena, &due);
  for(int i=0; i<there.n && pErr->rc==SQLITE_OK; i++){
    Trigger *pDue = listFind(&due, there.a[i].zName);
    if( pDue && strcmp(pDue->zSql, there.a[i].zSql)==0 ){
      pDue->bSeen = 1;
    }else{
      ormFactExec(pOrm, pErr, "DROP TRIGGER \"main\".\"%w\"", there.a[i].zName);
    }
  }
  for(int i=0; i<due.n && pErr->rc==SQLITE_OK; i++){
    if( !due.a[i].bSeen ){
      /* "CREATE TRIGGER " + name: the schema goes between. */
      ormFactExec(pOrm, pErr, "CREATE TRIGGER main.%s", due.a[i].zSql+15);
    }
    pJob->nTrigger++;
  }
}

static void enforceJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  EnforceJob *pJob = (EnforceJob*)pArg;
  OrmArena arena;
  ormArenaInit(&arena, pErr);
  if( guardLeft(pOrm, pErr) ){
    ormFactExec(pOrm, pErr, "DELETE FROM \"main\".orm_state WHERE id >= 2");
  }
  if( pJob->bOn ){
    OrmCatalog *pCatalog = ormCatalogPin(pOrm, pErr);
    if( pCatalog ){
      enforceOn(pOrm, pErr, pCatalog, pJob, &arena);
      ormCatalogUnpin(pOrm, pCatalog);
    }
  }else{
    enforceOff(pOrm, pErr, pJob, &arena);
  }
  ormArenaFree(&arena);
}

int ormEnforce(Orm *pOrm, OrmErr *pErr, int bOn){
  EnforceJob job = { bOn, 0 };
  ormAnchorRun(pOrm, pErr, enforceJob, &job);
  return pErr->rc ? 0 : job.nTrigger;
}

void ormEnforceRefresh(Orm *pOrm, OrmErr *pErr){
  OrmArena arena;
  TriggerList there = {0};
  ormArenaInit(&arena, pErr);
  listThere(pOrm, pErr, &arena, &there);
  ormArenaFree(&arena);
  if( there.n && pErr->rc==SQLITE_OK ) ormEnforce(pOrm, pErr, 1);
}

void ormEnforceDrift(
  Orm *pOrm, OrmErr *pErr, OrmCatalog *pCatalog, OrmDrift xDrift, void *pArg
){
  OrmArena arena;
  TriggerList there = {0}, due = {0};
  ormArenaInit(&arena, pErr);
  listThere(pOrm, pErr, &arena, &there);
  if( there.n && guardLeft(pOrm, pErr) ){
    xDrift(pArg, "orm_state", 0, "silenced by a guard that was left there");
  }
  if( there.n ) listDue(pOrm, pErr, pCatalog, &arena, &due);
  for(int i=0; i<there.n && pErr->rc==SQLITE_OK; i++){
    Trigger *pDue = listFind(&due, there.a[i].zName);
    if( pDue==0 ){
      xDrift(pArg, there.a[i].zName, 0, "left over");
    }else{
      pDue->bSeen = 1;
      if( strcmp(pDue->zSql, there.a[i].zSql)!=0 ){
        xDrift(pArg, pDue->zName, pDue->zModel, "not what the rules say now");
      }
    }
  }
  for(int i=0; i<due.n && pErr->rc==SQLITE_OK; i++){
    if( !due.a[i].bSeen ){
      xDrift(pArg, due.a[i].zName, due.a[i].zModel, "missing");
    }
  }
  ormArenaFree(&arena);
}
