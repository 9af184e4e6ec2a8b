/*
** Deletes that somebody asked for: one object by its key, all that a query
** finds, or only the plan of one.
**
** Each is one plan over all its roots, made before the first write and carried
** out inside one anchor, so that a delete which fails leaves no trace.
*/
#include "../orm_int.h"

typedef struct DeleteJob DeleteJob;
struct DeleteJob {
  const char *zModel; i64 nModel;
  sqlite3_value *pKey;          /* of one object, or 0: a query               */
  const char *zQuery; i64 nQuery;
  OrmPlanRow xRow; void *pArg;  /* only show the plan                         */
  i64 nRoot;                    /* OUT: objects deleted                       */
};

/* The model, if its objects can be deleted. */
static OrmModel *deletable(
  Orm *pOrm, OrmErr *pErr, OrmCatalog *pCatalog, const DeleteJob *pJob
){
  OrmModel *pModel = pCatalog==0 ? 0
      : ormModelFind(pOrm, pErr, pCatalog, pJob->zModel, pJob->nModel);
  if( pModel && pModel->bView ){
    ormErr(pErr, SQLITE_READONLY, "orm: %s is a view: nothing in it can be "
           "deleted", pModel->zName);
    return 0;
  }
  return pModel;
}

void ormKeysNotNull(
  OrmErr *pErr, const OrmModel *pModel, i64 n, const struct OrmBind *a
){
  if( pErr->rc || pModel->bRowidKey ) return;
  for(i64 i=0; i<n*pModel->nKey; i++){
    if( a[i].eType!=SQLITE_NULL ) continue;
    ormErr(pErr, SQLITE_CONSTRAINT_NOTNULL, "orm: %s of some %s is NULL: no key"
        " tells it, so it can be neither changed nor deleted",
        pModel->aField[pModel->aKey[i%pModel->nKey]].zName, pModel->zName);
    return;
  }
}

/* The roots by one key or by a query; 1 if everything is to go for good. */
static int rootKeys(
  Orm *pOrm, OrmErr *pErr, OrmModel *pModel, const DeleteJob *pJob,
  OrmBinds *pBinds, OrmKeys *pKeys
){
  OrmPlan *pPlan;
  int iFirst = 0, bForGood = 0;
  memset(pKeys, 0, sizeof(*pKeys));
  pKeys->nCol = pModel->nKey;
  if( pJob->pKey ){
    iFirst = ormKeyFind(pOrm, pBinds, pModel, pJob->pKey);
    pKeys->nKey = iFirst>=0;
  }else{
    pPlan = ormPlanGet(pOrm, pErr, pModel, pJob->zQuery, pJob->nQuery,
        ORM_Q_WHERE | ORM_Q_ORDER | ORM_Q_PAGE | ORM_Q_DELETED);
    if( pPlan==0 ) return 0;
    bForGood = ormPlanQuery(pPlan)->eDeleted==ORM_DELETED_ONLY;
    pKeys->nKey = (int)ormLoadRootKeys(pOrm, pErr, pPlan, pBinds);
    ormKeysNotNull(pErr, pModel, pKeys->nKey, pBinds->a);
    ormPlanRelease(pOrm, pPlan);
  }
  if( pKeys->nKey ) pKeys->aBind = &pBinds->a[iFirst];
  return bForGood;
}

static void deleteJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  DeleteJob *pJob = (DeleteJob*)pArg;
  OrmCatalog *pCatalog = ormCatalogPin(pOrm, pErr);
  OrmModel *pModel = deletable(pOrm, pErr, pCatalog, pJob);
  OrmArena arena;
  ormArenaInit(&arena, pErr);
  if( pModel ){
    OrmBinds binds = { &arena, 0, 0, 0 };
    OrmKeys keys;
    OrmCascade *pCascade = ormCascadeNew(pOrm, pErr, pCatalog, &arena);
    if( rootKeys(pOrm, pErr, pModel, pJob, &binds, &keys) ){
      ormCascadeForGood(pCascade);
    }
    pJob->nRoot = ormCascadeAdd(pCascade, pModel, &keys, 0, pModel->zName);
    if( pJob->nRoot ){
      ormCascadePlan(pCascade, pJob->xRow!=0);
      if( pJob->xRow ) ormCascadeShow(pCascade, pJob->xRow, pJob->pArg);
      else ormCascadeRun(pCascade);
    }
    ormCascadeFree(pCascade);
  }
  ormArenaFree(&arena);
  ormCatalogUnpin(pOrm, pCatalog);
}

int ormDelete(
  Orm *pOrm, OrmErr *pErr, const char *zModel, i64 nModel, sqlite3_value *pKey
){
  DeleteJob job = { zModel, nModel, pKey, 0, 0, 0, 0, 0 };
  ormAnchorRun(pOrm, pErr, deleteJob, &job);
  return pErr->rc ? 0 : (int)job.nRoot;
}

i64 ormDeleteMany(
  Orm *pOrm, OrmErr *pErr, const char *zModel, i64 nModel,
  const char *zQuery, i64 nQuery
){
  DeleteJob job = { zModel, nModel, 0, zQuery, nQuery, 0, 0, 0 };
  ormAnchorRun(pOrm, pErr, deleteJob, &job);
  return pErr->rc ? 0 : job.nRoot;
}

void ormDeletePlan(
  Orm *pOrm, OrmErr *pErr, const char *zModel, i64 nModel,
  sqlite3_value *pKey, OrmPlanRow xRow, void *pArg
){
  DeleteJob job = { zModel, nModel, pKey, 0, 0, xRow, pArg, 0 };
  deleteJob(pOrm, pErr, &job);
}
