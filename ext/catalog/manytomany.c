/*
** Many-to-many relationships resolved: the link table, its columns towards
** either end, and what they refer to.
**
** What the cells secondary_local and secondary_remote say stands; what they
** leave open is inferred from the link table's own foreign keys, one for each
** end, and two that fit are an error, as in relation.c.
*/
#include "relation.h"

/* Column names of the link table in a cell, checked against azCol. */
static int cellLinkColumns(
  OrmResolver *p, const char *zCell, const char *zWhat,
  const char *const *azCol, const char ***paz
){
  char *zPlace;
  int n;
  *paz = 0;
  if( zCell==0 || p->pErr->rc ) return 0;
  zPlace = ormArenaPrintf(p->pArena, "relationship %s.%s: %s",
                          p->pRel->pModel->zName, p->pRel->zName, zWhat);
  n = ormFactNames(p->pArena, zCell, zPlace, paz);
  if( n>ORM_MAX_KEY ){
    ormRelErr(p->pErr, p->pRel, "%s: more than %d columns", zWhat, ORM_MAX_KEY);
    return 0;
  }
  for(int i=0; i<n; i++){
    int j = 0;
    while( azCol[j] && strcmp(azCol[j], (*paz)[i])!=0 ) j++;
    if( azCol[j]==0 ){
      const char *z = ormNearest((*paz)[i], (i64)strlen((*paz)[i]),
                                 ormNameInArray, azCol);
      ormRelErr(p->pErr, p->pRel, "%s: no such column %s in %s%s%s%s", zWhat,
             (*paz)[i], p->pRel->zSecondary, z ? " (did you mean " : "",
             z ? z : "", z ? "?)" : "");
    }
  }
  return p->pErr->rc ? 0 : n;
}

/* The columns of a link table, ending in 0; an error if there is none. */
static const char **linkColumns(OrmResolver *p){
  const char *zTable = p->pRel->zSecondary;
  const char **az = 0;
  int n = 0, nAlloc = 0;
  int eKind = ormFactKind(p->pOrm, p->pErr, zTable);
  sqlite3_stmt *pStmt;
  if( p->pErr->rc ) return 0;
  if( eKind!=ORM_KIND_TABLE && eKind!=ORM_KIND_VIEW ){
    ormRelErr(p->pErr, p->pRel, "secondary: %s %s",
        eKind==ORM_KIND_NONE ? "no such table" : "a virtual table cannot link:",
        zTable);
    return 0;
  }
  if( eKind==ORM_KIND_VIEW ) p->pRel->bViewonly = 1;
  pStmt = ormFactOpenAny(p->pOrm, p->pErr, "PRAGMA main.table_xinfo(\"%w\")",
                         zTable);
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    if( ormArenaGrow(p->pArena, (void**)&az, n, &nAlloc, sizeof(char*)) ){
      az[n++] = ormFactText(p->pArena, pStmt, 1);
    }
  }
  sqlite3_finalize(pStmt);
  if( ormArenaGrow(p->pArena, (void**)&az, n, &nAlloc, sizeof(char*)) ){
    az[n] = 0;
  }
  return p->pErr->rc ? 0 : az;
}

/* Are these the names of the foreign key's columns, in any order? */
static int sameColumns(const OrmFkFact *pFk, int n, const char **az){
  int nHit = 0;
  for(int i=0; i<pFk->n; i++){
    for(int j=0; j<n; j++) nHit += sqlite3_stricmp(pFk->azFrom[i], az[j])==0;
  }
  return n==pFk->n && nHit==n;
}

/* The one foreign key of the link table that refers to pModel and agrees with
** the cells; other than pNot.  0 if there is none, or *pnFit>1 are. */
static const OrmFkFact *linkFk(
  OrmFkFact *aFk, int nFk, const OrmModel *pModel, int n, const char **az,
  const OrmFkFact *pNot, int *pnFit
){
  const OrmFkFact *pHit = 0;
  *pnFit = 0;
  for(int i=0; i<nFk; i++){
    if( &aFk[i]==pNot || sqlite3_stricmp(aFk[i].zTarget, pModel->zTable)!=0 ){
      continue;
    }
    if( n && !sameColumns(&aFk[i], n, az) ) continue;
    if( (*pnFit)++==0 ) pHit = &aFk[i];
  }
  return pHit;
}

/* One end of the link: fields of pModel and columns of the link table, from
** the foreign key where there is one, else from the cells. */
static int linkEnd(
  OrmResolver *p, OrmModel *pModel, const OrmFkFact *pFk, int nCol,
  const char **azCol, int nField, const int *aField, const char *zSide,
  const int **paField, const char ***pazCol
){
  int a[ORM_MAX_KEY];
  const char **az;
  int n = nCol;
  if( pFk==0 && nCol==0 ){
    ormRelErr(p->pErr, p->pRel, "no foreign key of %s refers to %s: name"
           " secondary_%s", p->pRel->zSecondary, pModel->zTable, zSide);
    return 0;
  }
  if( n==0 ) n = pFk->n;
  az = ormArenaAlloc(p->pArena, (i64)sizeof(char*)*n);
  if( az==0 ) return 0;
  for(int i=0; i<n; i++){
    az[i] = nCol ? azCol[i] : pFk->azFrom[i];
    a[i] = -1;
    for(int j=0; pFk && j<pFk->n; j++){
      if( sqlite3_stricmp(pFk->azFrom[j], az[i])==0 ){
        a[i] = ormFieldByColumn(pModel, pFk->azTo[j]);
      }
    }
    if( nField==n ) a[i] = aField[i];
    else if( a[i]<0 && n==pModel->nKey ) a[i] = pModel->aKey[i];
    if( a[i]<0 || (nField && nField!=n) ){
      ormRelErr(p->pErr, p->pRel, "secondary_%s: %d columns do not fit %s",
                zSide, n, pModel->zTable);
      return 0;
    }
  }
  *paField = ormRelCopy(p->pArena, n, a);
  *pazCol = az;
  return n;
}

static void linkAmbiguous(OrmResolver *p, int nFit, const OrmModel *pModel){
  ormRelErr(p->pErr, p->pRel, "%d foreign keys of %s refer to %s: name"
         " secondary_local and secondary_remote", nFit, p->pRel->zSecondary,
         pModel->zTable);
}

void ormRelLink(OrmResolver *p){
  OrmRel *pRel = p->pRel;
  OrmFkFact *aFk = 0;
  const OrmFkFact *pLocal, *pRemote;
  const char **azCol = linkColumns(p);
  const char **azLocal, **azRemote;
  int aLocal[ORM_MAX_KEY], aRemote[ORM_MAX_KEY];
  int nFk, nSecLocal, nSecRemote, nLocal, nRemote, nFit;
  if( azCol==0 ) return;
  nFk = ormFactFks(p->pOrm, p->pErr, p->pArena, pRel->zSecondary, &aFk);
  nSecLocal = cellLinkColumns(p, pRel->zSecLocal, "secondary_local", azCol,
                              &azLocal);
  nSecRemote = cellLinkColumns(p, pRel->zSecRemote, "secondary_remote", azCol,
                               &azRemote);
  nLocal = ormRelFields(p, pRel->pModel, pRel->zLocal, "local_columns", aLocal);
  nRemote = ormRelFields(p, pRel->pTarget, pRel->zRemote, "remote_columns",
                       aRemote);
  if( p->pErr->rc ) return;
  pRemote = nSecRemote ? linkFk(aFk, nFk, pRel->pTarget, nSecRemote, azRemote,
                                0, &nFit) : 0;
  pLocal = linkFk(aFk, nFk, pRel->pModel, nSecLocal, azLocal, pRemote, &nFit);
  if( nFit>1 ) linkAmbiguous(p, nFit, pRel->pModel);
  if( nSecRemote==0 ){
    pRemote = linkFk(aFk, nFk, pRel->pTarget, 0, 0, pLocal, &nFit);
    if( nFit>1 ) linkAmbiguous(p, nFit, pRel->pTarget);
  }
  if( p->pErr->rc ) return;
  pRel->nLocal = linkEnd(p, pRel->pModel, pLocal, nSecLocal, azLocal, nLocal,
      aLocal, "local", &pRel->aLocal, &pRel->azSecLocal);
  if( p->pErr->rc ) return;
  pRel->nRemote = linkEnd(p, pRel->pTarget, pRemote, nSecRemote, azRemote,
      nRemote, aRemote, "remote", &pRel->aRemote, &pRel->azSecRemote);
  pRel->aeIndexed = ormArenaAlloc(p->pArena, 2);
  pRel->eDir = ORM_MANY_TO_MANY;
  pRel->bMany = 1;
  pRel->bForeign = 0;
}

/* ------------------------------------------------------------------------
** Indexes of tables that may be no model's
*/

int ormIndexStarts(
  Orm *pOrm, OrmErr *pErr, const char *zIndex, int n, const char *const*az
){
  int nHit = 0, i = 0;
  sqlite3_stmt *p = ormFactOpen(pOrm, pErr, "PRAGMA main.index_info(\"%w\")",
                                zIndex);
  while( i<n && ormFactStep(pOrm, pErr, p) ){
    const char *z = (const char*)sqlite3_column_text(p, 2);
    for(int j=0; z && j<n; j++) nHit += sqlite3_stricmp(z, az[j])==0;
    i++;
  }
  sqlite3_finalize(p);
  return nHit==n;
}

/* Has the table an index whose first columns are these? */
int ormTableIndexed(
  Orm *pOrm, OrmErr *pErr, const char *zTable, int n, const char **az
){
  int bHit = 0;
  sqlite3_stmt *p = ormFactOpen(pOrm, pErr, "PRAGMA main.index_list(\"%w\")",
                                zTable);
  while( !bHit && ormFactStep(pOrm, pErr, p) ){
    if( sqlite3_column_int(p, 4) ) continue;
    bHit = ormIndexStarts(pOrm, pErr, (const char*)sqlite3_column_text(p, 1),
                          n, az);
  }
  sqlite3_finalize(p);
  return bHit;
}

/* Looked up once: an index that comes or goes makes a new catalog. */
int ormLinkIndexed(
  Orm *pOrm, OrmErr *pErr, const OrmRel *pRel, int bRemoteSide
){
  u8 *pe = &pRel->aeIndexed[bRemoteSide!=0];
  if( *pe==ORM_INDEXED_UNKNOWN ){
    int bHit = ormTableIndexed(pOrm, pErr, pRel->zSecondary,
        bRemoteSide ? pRel->nRemote : pRel->nLocal,
        bRemoteSide ? pRel->azSecRemote : pRel->azSecLocal);
    if( pErr->rc ) return 0;
    *pe = bHit ? ORM_INDEXED_YES : ORM_INDEXED_NO;
  }
  return *pe==ORM_INDEXED_YES;
}
