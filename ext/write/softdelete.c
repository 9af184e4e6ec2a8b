/*
** orm_restore(): the way back from a soft delete.
**
** It goes the way the delete went: along the edges of rules.c that soft-delete
** children, to the rows that hold the same stamp as the object (or, where the
** object's field is a boolean, that are deleted at all), and takes the stamp
** from them.
*/
#include "cascade.h"

typedef struct RestoreJob RestoreJob;
struct RestoreJob {
  const char *zModel; i64 nModel;
  sqlite3_value *pKey;
  i64 nRoot;                    /* OUT: 1, or 0 if there is nothing to restore*/
};

/* The stamp of the object, to be freed; 0 if it is not there or not deleted. */
static sqlite3_value *readStamp(
  Orm *pOrm, OrmErr *pErr, const OrmModel *pModel, const OrmBinds *pKey
){
  OrmBuf buf;
  OrmStmt *pStmt;
  sqlite3_value *pStamp = 0;
  ormBufInit(&buf, pErr);
  ormBufAdd(&buf, "SELECT ", -1);
  ormBufColumn(&buf, "c", pModel->aField[pModel->iSoftDelete].zName);
  ormBufAdd(&buf, " FROM ", -1);
  ormBufTable(&buf, pModel->zTable);
  ormBufAdd(&buf, " AS c WHERE ", -1);
  ormSoftDeletedSql(&buf, pModel, "c");
  for(int i=0; i<pModel->nKey; i++){
    ormBufAdd(&buf, " AND ", -1);
    ormBufColumn(&buf, "c", pModel->aField[pModel->aKey[i]].zName);
    ormBufPrintf(&buf, " = ?%d", i+1);
  }
  pStmt = ormStmtTake(pOrm, pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  ormBindAll(pErr, pStmt, 1, pKey);
  if( ormStmtStep(pOrm, pErr, pStmt) ){
    pStamp = sqlite3_value_dup(sqlite3_column_value(pStmt->p, 0));
    if( pStamp==0 ) ormErrOom(pErr);
  }
  ormStmtGive(pOrm, pErr, pStmt);
  return pStamp;
}

static void restoreObject(
  Orm *pOrm, OrmErr *pErr, OrmCatalog *pCatalog, OrmModel *pModel,
  RestoreJob *pJob
){
  OrmArena arena;
  OrmBinds all, key;
  OrmCascade *p;
  int iFirst;
  ormArenaInit(&arena, pErr);
  memset(&all, 0, sizeof(all));
  all.pArena = &arena;
  iFirst = ormKeyFind(pOrm, &all, pModel, pJob->pKey);
  p = iFirst<0 ? 0 : ormCascadeNew(pOrm, pErr, pCatalog, &arena);
  if( p ){
    key = all;
    key.a = &all.a[iFirst];
    key.n = pModel->nKey;
    p->pStamp = readStamp(pOrm, pErr, pModel, &key);
    p->bAnyStamp = pModel->aField[pModel->iSoftDelete].eType==ORM_TYPE_BOOLEAN;
    if( p->pStamp ){
      OrmKeys keys;
      memset(&keys, 0, sizeof(keys));
      keys.nCol = pModel->nKey;
      keys.nKey = 1;
      keys.aBind = key.a;
      pJob->nRoot = ormCascadeAdd(p, pModel, &keys, 0, pModel->zName);
      ormCascadePlan(p, 0);
      ormCascadeRun(p);
    }
    ormCascadeFree(p);
  }
  ormArenaFree(&arena);
}

static void restoreJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  RestoreJob *pJob = (RestoreJob*)pArg;
  OrmCatalog *pCatalog = ormCatalogPin(pOrm, pErr);
  OrmModel *pModel = pCatalog==0 ? 0
      : ormModelFind(pOrm, pErr, pCatalog, pJob->zModel, pJob->nModel);
  if( pModel && pModel->iSoftDelete<0 ){
    ormErr(pErr, SQLITE_ERROR, "orm: %s has no soft_delete field: what is "
           "deleted of it cannot be restored", pModel->zName);
  }else if( pModel ){
    restoreObject(pOrm, pErr, pCatalog, pModel, pJob);
  }
  ormCatalogUnpin(pOrm, pCatalog);
}

int ormRestore(
  Orm *pOrm, OrmErr *pErr, const char *zModel, i64 nModel, sqlite3_value *pKey
){
  RestoreJob job = { zModel, nModel, pKey, 0 };
  ormAnchorRun(pOrm, pErr, restoreJob, &job);
  return pErr->rc ? 0 : (int)job.nRoot;
}
