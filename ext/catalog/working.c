/*
** The models and relationships of the file that work, read before a migration
** and looked at again after it, those too of which the document says nothing.
**
** They are told by the rowids of their rows of metadata, since a rename leaves
** these as they are.
*/
#include "diff.h"

typedef struct Part Part;
struct Part {                   /* a model or a relationship                  */
  i64 iRow;
  const char *zModel, *zRel;    /* zRel 0: the model                          */
  u8 bWorks;
};
struct OrmWorking { int n; Part *a; };

/* Can it be loaded, and be put in the order that it asks for? */
static void probe(Orm *pOrm, OrmErr *pErr, OrmCatalog *pCatalog,
                  OrmOrderCheck xOrder, const Part *p){
  OrmModel *pModel = ormModelFind(pOrm, pErr, pCatalog, p->zModel, -1);
  OrmRel *pRel = pModel && p->zRel
      ? ormRelFind(pOrm, pErr, pModel, p->zRel, -1) : 0;
  const char *zOrder = pRel ? pRel->zOrderBy : pModel ? pModel->zOrderBy : 0;
  if( pErr->rc==SQLITE_OK && zOrder && (pRel!=0)==(p->zRel!=0) ){
    xOrder(pOrm, pErr, pModel, pRel);
  }
}

/* All parts by their rowids, the models first. */
static OrmWorking *readParts(Orm *pOrm, OrmErr *pErr, OrmArena *pArena){
  OrmWorking *p = ormArenaAlloc(pArena, sizeof(*p));
  int nAlloc = 0;
  sqlite3_stmt *pStmt = ormFactOpen(pOrm, pErr,
      "SELECT 0, rowid, name, NULL FROM main.orm_model WHERE name IS NOT NULL"
      " UNION ALL SELECT 1, rowid, model, name FROM main.orm_relationship"
      " WHERE model IS NOT NULL AND name IS NOT NULL ORDER BY 1, 2");
  while( p && ormFactStep(pOrm, pErr, pStmt) ){
    Part *pNew = ormArenaGrow(pArena, (void**)&p->a, p->n, &nAlloc,
                              sizeof(*pNew));
    if( pNew==0 ) break;
    memset(pNew, 0, sizeof(*pNew));
    pNew->iRow = sqlite3_column_int64(pStmt, 1);
    pNew->zModel = ormFactText(pArena, pStmt, 2);
    pNew->zRel = ormFactText(pArena, pStmt, 3);
    p->n++;
  }
  sqlite3_finalize(pStmt);
  return pErr->rc ? 0 : p;
}

OrmWorking *ormWorkingRead(Orm *pOrm, OrmErr *pErr, OrmArena *pArena,
                           OrmOrderCheck xOrder){
  OrmWorking *p = readParts(pOrm, pErr, pArena);
  OrmCatalog *pCatalog = p ? ormCatalogPin(pOrm, pErr) : 0;
  for(int i=0; pCatalog && i<p->n && pErr->rc==SQLITE_OK; i++){
    OrmErr err = {0};
    probe(pOrm, &err, pCatalog, xOrder, &p->a[i]);
    p->a[i].bWorks = !ormErrForgive(&err, pErr);
  }
  ormCatalogUnpin(pOrm, pCatalog);
  return p;
}

/* The part of p that a part of now was; both lists are in one order, *pi is
** where the search goes on. */
static int worked(const OrmWorking *p, int *pi, const Part *pNow){
  while( *pi<p->n ){
    const Part *pWas = &p->a[*pi];
    if( (pWas->zRel!=0)==(pNow->zRel!=0) && pWas->iRow>=pNow->iRow ){
      return pWas->iRow==pNow->iRow && pWas->bWorks;
    }
    if( pWas->zRel && pNow->zRel==0 ) return 0;
    (*pi)++;
  }
  return 0;
}

void ormWorkingCheck(Orm *pOrm, OrmErr *pErr, const OrmWorking *p,
                     OrmOrderCheck xOrder){
  OrmArena arena;
  OrmWorking *pNow;
  OrmCatalog *pCatalog;
  int iWas = 0;
  ormArenaInit(&arena, pErr);
  pNow = readParts(pOrm, pErr, &arena);
  pCatalog = pNow ? ormCatalogPin(pOrm, pErr) : 0;
  for(int i=0; pCatalog && i<pNow->n && pErr->rc==SQLITE_OK; i++){
    OrmErr err = {0};
    if( !worked(p, &iWas, &pNow->a[i]) ) continue;
    probe(pOrm, &err, pCatalog, xOrder, &pNow->a[i]);
    ormErrPrefix(&err, "orm: the model %s would not work any more: ",
                 pNow->a[i].zModel);
    ormErrMove(&err, pErr);
  }
  ormCatalogUnpin(pOrm, pCatalog);
  ormArenaFree(&arena);
}
