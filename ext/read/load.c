/*
** The eager loader: the rows of every level, loaded for all rows of the level
** above at once.  The number of statements depends on the tree of includes and
** on the number of batches, never on the number of rows.
*/
#include "load.h"

/* ------------------------------------------------------------------------
** Includes that recur
*/

/* Identities of a slot's rows from iFirst on. */
static void identities(OrmLevel *p, const OrmSlot *pSlot, int iFirst, int nRow,
                       int *aMe){
  for(int i=0; i<nRow; i++){
    aMe[i] = ormMapAdd(&p->pPlan->err, &p->ident,
                    &pSlot->a[(i64)(iFirst + i)*pSlot->n]);
    /* A key that is NULL: a row that never comes again. */
    if( aMe[i]<0 ) aMe[i] = 0;
  }
}

static void loadRecursive(OrmLevel *p, int iFirst, int nRow){
  OrmErr *pErr = &p->pPlan->err;
  const OrmSlot *pSlot = &p->pParent->aSlot[p->iParentIdent];
  struct OrmBind nobody = { SQLITE_BLOB, 0, 0, { 0 } };
  struct OrmBind aNobody[ORM_MAX_KEY];
  int nDone = 0, nGroup = 0;
  int nDepth = p->pQuery->nDepth;
  ormGroupsMake(p, iFirst, nRow);
  ormMapReset(&p->ident, pSlot->n);
  nobody.u.z = "";
  for(int i=0; i<ORM_MAX_KEY; i++) aNobody[i] = nobody;
  ormMapAdd(pErr, &p->ident, aNobody);
  if( !ormGrow(pErr, &p->aStart, &p->nStartAlloc, nRow, sizeof(int)) ) return;
  identities(p, pSlot, iFirst, nRow, p->aStart);
  for(int iDepth=1; nGroup<p->nGroup && pErr->rc==SQLITE_OK; iDepth++){
    int iGroup = nGroup;
    nGroup = p->nGroup;
    if( nDepth>0 && iDepth>nDepth ) break;
    ormFetchGroups(p, iGroup);
    if( !ormGrow(pErr, &p->aMe, &p->nMeAlloc, p->nRow, sizeof(int))
     || !ormGrow(pErr, &p->aSelf, &p->nSelfAlloc, p->nRow, sizeof(int))
    ) return;
    if( nDone<p->nRow ){
      identities(p, &p->aSlot[p->iIdent], nDone, p->nRow - nDone,
                 &p->aMe[nDone]);
      ormGroupsOf(p, &p->aSlot[p->iSelf], nDone, p->nRow - nDone,
                  &p->aSelf[nDone]);
      nDone = p->nRow;
    }
    ormGroupsGrow(p, p->map.nKey);
  }
  if( ormGrow(pErr, &p->abOnPath, &p->nOnPathAlloc, p->ident.nKey, 1) ){
    memset(p->abOnPath, 0, (size_t)p->ident.nKey);
  }
}

/* ------------------------------------------------------------------------
** The tree
*/

/* Load a level for the rows iFirst.. of its parent, to all depths. */
void ormLevelLoad(OrmLevel *p, int iFirst, int nRow){
  if( p->pQuery->bRecursive ){
    loadRecursive(p, iFirst, nRow);
  }else{
    ormGroupsMake(p, iFirst, nRow);
    ormFetchGroups(p, 0);
  }
  if( p->nRow>0 ) ormLevelChildren(p, 0, p->nRow);
}

/* Load what the rows iFirst.. of a level include. */
void ormLevelChildren(OrmLevel *pParent, int iFirst, int nRow){
  OrmLevel *p;
  if( pParent->bLate ) ormCountsLoad(pParent, iFirst, nRow);
  for(p=pParent->pChild; p && pParent->pPlan->err.rc==SQLITE_OK; p=p->pNext){
    ormLevelLoad(p, iFirst, nRow);
  }
}

