/*
** Who refers to a table: every foreign key of every ordinary table of main,
** mapped or not.  While foreign keys are off nobody else looks after these
** rows, so deletes ask here.
**
** The whole file is read once per catalog, into one chain (pNext) for each
** table referred to; the chains' heads are linked by pGroup.
*/
#include "../orm_int.h"

static OrmReference *referenceNew(
  OrmArena *pArena, const char *zTable, const OrmFkFact *pFact
){
  OrmReference *p = ormArenaAlloc(pArena, sizeof(*p));
  i64 nByte = (i64)sizeof(char*)*pFact->n;
  if( p==0 ) return 0;
  p->zTable = zTable;
  p->zTarget = pFact->zTarget;
  p->n = pFact->n;
  p->azFrom = ormArenaAlloc(pArena, nByte);
  p->azTo = ormArenaAlloc(pArena, nByte);
  p->eOnDelete = pFact->eOnDelete;
  p->eOnUpdate = pFact->eOnUpdate;
  if( p->azFrom==0 || p->azTo==0 ) return 0;
  memcpy(p->azFrom, pFact->azFrom, (size_t)nByte);
  memcpy(p->azTo, pFact->azTo, (size_t)nByte);
  return p;
}

/* Put a reference at the end of its target's chain. */
static void referenceAdd(OrmReference **ppGroup, OrmReference *pNew){
  while( *ppGroup && sqlite3_stricmp((*ppGroup)->zTarget, pNew->zTarget)!=0 ){
    ppGroup = &(*ppGroup)->pGroup;
  }
  while( *ppGroup ) ppGroup = &(*ppGroup)->pNext;
  *ppGroup = pNew;
}

/* All references of the file, in the order of its tables, grouped. */
static OrmReference *readAll(Orm *pOrm, OrmErr *pErr, OrmArena *pArena){
  OrmReference *pFirst = 0;
  sqlite3_stmt *pStmt = ormFactOpen(pOrm, pErr,
      "SELECT name FROM main.sqlite_schema WHERE type='table'"
      " AND lower(sql) LIKE '%%references%%'"
      " AND lower(sql) NOT LIKE 'create virtual%%'"
      " ORDER BY rowid");
  while( ormFactStep(pOrm, pErr, pStmt) ){
    const char *zTable = ormFactText(pArena, pStmt, 0);
    OrmFkFact *aFk = 0;
    int n = zTable ? ormFactFks(pOrm, pErr, pArena, zTable, &aFk) : 0;
    for(int i=0; i<n; i++){
      OrmReference *pNew = referenceNew(pArena, zTable, &aFk[i]);
      if( pNew ) referenceAdd(&pFirst, pNew);
    }
  }
  sqlite3_finalize(pStmt);
  return pErr->rc ? 0 : pFirst;
}

/* The chain of the references to zTable, in the catalog's arena; 0 if there
** are none or it failed. */
OrmReference *ormReferencesTo(
  Orm *pOrm, OrmErr *pErr, OrmCatalog *pCatalog, const char *zTable
){
  u8 *pbThere;
  OrmReference **ppAll = ormCatalogReferences(pCatalog, &pbThere);
  OrmReference *pGroup;
  if( pErr->rc ) return 0;
  if( !*pbThere ){
    OrmErr *pOld;
    OrmArena *pArena = ormCatalogArena(pCatalog, pErr, &pOld);
    *ppAll = readAll(pOrm, pErr, pArena);
    *pbThere = pErr->rc==SQLITE_OK;
    pArena->pErr = pOld;
  }
  pGroup = *ppAll;
  while( pGroup && sqlite3_stricmp(pGroup->zTarget, zTable)!=0 ){
    pGroup = pGroup->pGroup;
  }
  for(OrmReference *p=pGroup; p && pErr->rc==SQLITE_OK; p=p->pNext){
    if( p->bModel ) continue;
    p->pModel = ormModelByTable(pOrm, pErr, pCatalog, p->zTable);
    p->bModel = pErr->rc==SQLITE_OK;
  }
  return pErr->rc ? 0 : pGroup;
}
