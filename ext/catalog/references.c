/*
** Look-ups against the grain: which models a table has, which many-to-many
** relationships lead to a model, which foreign keys refer to a table; and what
** of a model refers or may be referred to.
**
** The file has no index for the former, so the first that asks reads all of it
** and keeps, for as long as the catalog lives, what was found by the name that
** it leads to.  Tables are one where their names differ in case alone; names
** of models may, so who asks for links compares.
*/
#include "../orm_int.h"

enum { REVERSE_MODELS, REVERSE_LINKS, REVERSE_FOREIGN };

typedef struct Group Group;
struct Group {                  /* all that leads to one name                 */
  Group *pNext;
  const char *zName;
  OrmLead *pLead, **ppLead;     /* in the order read; where the next one goes */
  OrmReference *pRef, **ppRef;
};
struct OrmReverse { Group *apBucket[256]; };

static Group *groupFind(const OrmReverse *p, const char *zName){
  Group *pGroup = p->apBucket[ormNameHash(zName) % 256];
  while( pGroup && sqlite3_stricmp(pGroup->zName, zName)!=0 ){
    pGroup = pGroup->pNext;
  }
  return pGroup;
}

static Group *groupMake(OrmArena *pArena, OrmReverse *p, const char *zName){
  Group *pGroup = groupFind(p, zName);
  if( pGroup ) return pGroup;
  pGroup = ormArenaAlloc(pArena, sizeof(*pGroup));
  if( pGroup==0 ) return 0;
  pGroup->zName = zName;
  pGroup->ppLead = &pGroup->pLead;
  pGroup->ppRef = &pGroup->pRef;
  pGroup->pNext = p->apBucket[ormNameHash(zName) % 256];
  p->apBucket[ormNameHash(zName) % 256] = pGroup;
  return pGroup;
}

/* Rows "what it leads to, model, name". */
static void readLeads(
  Orm *pOrm, OrmErr *pErr, OrmArena *pArena, OrmReverse *p, const char *zSql
){
  sqlite3_stmt *pStmt = ormFactOpen(pOrm, pErr, "%s", zSql);
  while( ormFactStep(pOrm, pErr, pStmt) ){
    const char *zTo = ormFactText(pArena, pStmt, 0);
    Group *pGroup = zTo ? groupMake(pArena, p, zTo) : 0;
    OrmLead *pNew = ormArenaAlloc(pArena, sizeof(*pNew));
    if( pNew==0 ) break;        /* the arena gives nothing after a failure    */
    pNew->zTo = zTo;
    pNew->zModel = ormFactText(pArena, pStmt, 1);
    pNew->zName = ormFactText(pArena, pStmt, 2);
    *pGroup->ppLead = pNew;
    pGroup->ppLead = &pNew->pNext;
  }
  sqlite3_finalize(pStmt);
}

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

/* All foreign keys of the file, in the order of its tables. */
static void readForeign(
  Orm *pOrm, OrmErr *pErr, OrmArena *pArena, OrmReverse *p
){
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
      Group *pGroup = pNew ? groupMake(pArena, p, pNew->zTarget) : 0;
      if( pGroup==0 ) break;
      *pGroup->ppRef = pNew;
      pGroup->ppRef = &pNew->pNext;
    }
  }
  sqlite3_finalize(pStmt);
}

/* What leads to a name, of one kind; 0 if nothing does or it failed. */
static const Group *leadsTo(
  Orm *pOrm, OrmErr *pErr, OrmCatalog *pCatalog, int eKind, const char *zName
){
  static const char *const azSql[] = {
    "SELECT coalesce(table_name, name), name, NULL FROM main.orm_model"
    " WHERE name IS NOT NULL ORDER BY rowid",
    "SELECT target, model, name FROM main.orm_relationship"
    " WHERE target IS NOT NULL AND secondary IS NOT NULL"
    " AND model IS NOT NULL AND name IS NOT NULL ORDER BY model, name",
    0
  };
  OrmReverse **pp = ormCatalogReverse(pCatalog, eKind);
  if( pErr->rc ) return 0;
  if( *pp==0 ){
    OrmErr *pOld;
    OrmArena *pArena = ormCatalogArena(pCatalog, pErr, &pOld);
    OrmReverse *pNew = ormArenaAlloc(pArena, sizeof(*pNew));
    if( azSql[eKind] ) readLeads(pOrm, pErr, pArena, pNew, azSql[eKind]);
    else readForeign(pOrm, pErr, pArena, pNew);
    pArena->pErr = pOld;
    if( pErr->rc ) return 0;
    *pp = pNew;
  }
  return groupFind(*pp, zName);
}

const OrmLead *ormModelsOver(
  Orm *pOrm, OrmErr *pErr, OrmCatalog *pCatalog, const char *zTable
){
  const Group *p = leadsTo(pOrm, pErr, pCatalog, REVERSE_MODELS, zTable);
  return p ? p->pLead : 0;
}

const OrmLead *ormLinksTo(
  Orm *pOrm, OrmErr *pErr, OrmCatalog *pCatalog, const char *zModel
){
  const Group *p = leadsTo(pOrm, pErr, pCatalog, REVERSE_LINKS, zModel);
  return p ? p->pLead : 0;
}

OrmReference *ormReferencesTo(
  Orm *pOrm, OrmErr *pErr, OrmCatalog *pCatalog, const char *zTable
){
  const Group *pGroup = leadsTo(pOrm, pErr, pCatalog, REVERSE_FOREIGN, zTable);
  OrmReference *pFirst = pGroup ? pGroup->pRef : 0;
  for(OrmReference *p=pFirst; p; p=p->pNext){
    if( p->bModel ) continue;
    p->pModel = ormModelByTable(pOrm, pErr, pCatalog, p->zTable);
    p->bModel = pErr->rc==SQLITE_OK;
  }
  return pErr->rc ? 0 : pFirst;
}

int ormFieldReferred(const OrmModel *pModel, int iField){
  for(int i=0; i<pModel->nUnique; i++){
    for(int j=0; j<pModel->aUnique[i].n; j++){
      if( pModel->aUnique[i].aField[j]==iField ) return 1;
    }
  }
  return 0;
}

int ormFieldRefers(const OrmModel *pModel, int iField){
  for(int i=0; i<pModel->nFk; i++){
    for(int j=0; j<pModel->aFk[i].n; j++){
      if( pModel->aFk[i].aField[j]==iField ) return 1;
    }
  }
  return 0;
}
