/*
** Link tables that a document names and nobody has made: two keys, which are
** the primary key together, and an index for the way back.
**
** The columns are called after the models, "post_id" for the key "id" of Post;
** where both ends are one model the second is called after the relationship.
** What the cells secondary_local and secondary_remote say goes before that.
*/
#include "document.h"

typedef struct End End;
struct End {                    /* one end of the link                        */
  const char *zModel, *zTable;
  OrmDdl *pDdl;
  int nKey; int aKey[ORM_MAX_KEY];          /* columns of pDdl                */
};

/* The table and key of a model, of the document or of the file; 0: unknown, or
** an error. */
static int endInit(OrmDoc *p, End *pEnd, const char *zModel){
  OrmDocModel *pModel = ormDocModel(p, zModel);
  const char *zPrimary = 0;
  const char **az = 0;
  int n;
  memset(pEnd, 0, sizeof(*pEnd));
  pEnd->zModel = zModel;
  if( pModel ){
    zPrimary = ormDocCellText(p->pArena, &ormDocModelCell[0],
                              ormJsonMember(pModel->pNode, "primary_key"));
    pEnd->zTable = pModel->zTable;
    if( pModel->pTable ) pEnd->pDdl = pModel->pTable->pDdl;
  }else{
    pEnd->zTable = ormDocFileTable(p, zModel, &zPrimary);
  }
  if( pEnd->zTable && pEnd->pDdl==0 ){
    pEnd->pDdl = ormDdlOfTable(p->pOrm, p->pArena, pEnd->zTable);
  }
  if( pEnd->pDdl==0 ) return 0;
  n = zPrimary ? ormFactNames(p->pArena, zPrimary, "primary_key", &az)
               : pEnd->pDdl->nKey;
  for(int i=0; i<n && i<ORM_MAX_KEY; i++){
    int iKey = az ? ormDdlColumn(pEnd->pDdl, az[i]) : pEnd->pDdl->aKey[i];
    if( iKey<0 ) return 0;
    pEnd->aKey[pEnd->nKey++] = iKey;
  }
  return pEnd->nKey>0;
}

/* "BlogPost" and "id": blog_post_id; a key that begins with the model's name
** ("AlbumId" of Album) is called as it is. */
static const char *keyName(OrmDoc *p, const char *zPrefix, const char *zKey){
  size_t nPrefix = strlen(zPrefix);
  OrmBuf buf;
  const char *z;
  if( strlen(zKey)>nPrefix
   && sqlite3_strnicmp(zPrefix, zKey, (int)nPrefix)==0 ) return zKey;
  ormBufInit(&buf, p->pErr);
  for(int i=0; zPrefix[i]; i++){
    char c = zPrefix[i];
    if( c>='A' && c<='Z' ){
      if( i && zPrefix[i-1]>='a' ) ormBufChar(&buf, '_');
      c = (char)(c | 32);
    }
    ormBufChar(&buf, c);
  }
  ormBufPrintf(&buf, "_%s", zKey);
  z = ormArenaText(p->pArena, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return z ? z : "";
}

/* The columns of one end: those that a cell names, else made up. */
static int endColumns(
  OrmDoc *p, const End *pEnd, const OrmJson *pRel, const char *zCell,
  const char *zPrefix, const char **azOut
){
  const OrmJson *pCell = ormJsonMember(pRel, zCell);
  int n;
  if( pCell && pCell->eType==ORM_JSON_NULL ) pCell = 0;
  if( pCell && pCell->eType==ORM_JSON_STRING ){
    azOut[0] = pCell->z;
    n = 1;
  }else if( pCell ){
    n = 0;
    for(const OrmJson *q=pCell->pChild; q && n<ORM_MAX_KEY; q=q->pNext){
      azOut[n++] = q->z;
    }
  }else{
    for(n=0; n<pEnd->nKey; n++){
      azOut[n] = keyName(p, zPrefix, pEnd->pDdl->aColumn[pEnd->aKey[n]].zName);
    }
  }
  if( n!=pEnd->nKey ){
    ormJsonErr(p->pErr, pCell, "%d columns for the %d of the key of %s", n,
               pEnd->nKey, pEnd->zModel);
  }
  return n;
}

static void addColumns(
  OrmBuf *pBuf, const End *pEnd, int n, const char *const *az
){
  for(int i=0; i<n; i++){
    const OrmDdlColumn *pKey = &pEnd->pDdl->aColumn[pEnd->aKey[i]];
    ormBufAdd(pBuf, pBuf->n ? ",\n  " : "(\n  ", -1);
    ormBufName(pBuf, az[i]);
    if( pKey->zType[0] ) ormBufPrintf(pBuf, " %s", pKey->zType);
    ormBufAdd(pBuf, " NOT NULL", -1);
    if( n>1 ) continue;
    ormBufAdd(pBuf, " REFERENCES ", -1);
    ormBufName(pBuf, pEnd->zTable);
    ormBufChar(pBuf, '(');
    ormBufName(pBuf, pKey->zName);
    ormBufChar(pBuf, ')');
  }
}

static void addList(OrmBuf *pBuf, int n, const char *const *az){
  for(int i=0; i<n; i++){
    if( i ) ormBufAdd(pBuf, ", ", 2);
    ormBufName(pBuf, az[i]);
  }
}

/* A foreign key of several columns. */
static void addForeign(
  OrmBuf *pBuf, const End *pEnd, int n, const char *const *az
){
  if( n<2 ) return;
  ormBufAdd(pBuf, ",\n  FOREIGN KEY(", -1);
  addList(pBuf, n, az);
  ormBufAdd(pBuf, ") REFERENCES ", -1);
  ormBufName(pBuf, pEnd->zTable);
  ormBufChar(pBuf, '(');
  for(int i=0; i<n; i++){
    if( i ) ormBufAdd(pBuf, ", ", 2);
    ormBufName(pBuf, pEnd->pDdl->aColumn[pEnd->aKey[i]].zName);
  }
  ormBufChar(pBuf, ')');
}

static void linkSql(
  OrmDoc *p, OrmDocLink *pLink, const End *pLocal, const End *pRemote
){
  OrmBuf buf;
  ormBufInit(&buf, p->pErr);
  addColumns(&buf, pLocal, pLink->nLocal, pLink->azLocal);
  addColumns(&buf, pRemote, pLink->nRemote, pLink->azRemote);
  ormBufAdd(&buf, ",\n  PRIMARY KEY(", -1);
  addList(&buf, pLink->nLocal, pLink->azLocal);
  ormBufAdd(&buf, ", ", 2);
  addList(&buf, pLink->nRemote, pLink->azRemote);
  ormBufChar(&buf, ')');
  addForeign(&buf, pLocal, pLink->nLocal, pLink->azLocal);
  addForeign(&buf, pRemote, pLink->nRemote, pLink->azRemote);
  ormBufAdd(&buf, "\n) WITHOUT ROWID", -1);
  pLink->table.zBody = ormArenaText(p->pArena, ormBufText(&buf), buf.n);
  ormBufReset(&buf);
  pLink->zIndexName = ormArenaPrintf(p->pArena, "ix_%s_%s",
                                pLink->table.zName, pLink->azRemote[0]);
  if( pLink->zIndexName ){
    ormBufAdd(&buf, "CREATE INDEX ", -1);
    ormBufTable(&buf, pLink->zIndexName);
    ormBufAdd(&buf, " ON ", -1);
    ormBufName(&buf, pLink->table.zName);
    ormBufChar(&buf, '(');
    addList(&buf, pLink->nRemote, pLink->azRemote);
    ormBufChar(&buf, ')');
    pLink->zIndexSql = ormArenaText(p->pArena, ormBufText(&buf), buf.n);
  }
  ormBufFree(&buf);
  ormDocTableParse(p, &pLink->table);
}

static const char *modelNameAt(const void *pArg, int i){
  const OrmDoc *p = (const OrmDoc*)pArg;
  return i<p->nModel ? p->aModel[i].zName : 0;
}

/* Without both models' keys there is nothing to make the link table of. */
static void noKeys(OrmDoc *p, const char *zModel, const OrmJson *pName){
  const char *zNear = ormDocModel(p, zModel) ? 0
      : ormNearest(zModel, (i64)strlen(zModel), modelNameAt, p);
  ormJsonErr(p->pErr, pName, "no such table %s, and it cannot be made: %s is no"
      " model whose table has a primary key%s%s%s", pName->z, zModel,
      zNear ? " (did you mean " : "", zNear ? zNear : "", zNear ? "?)" : "");
}

static OrmDocLink *linkNew(
  OrmDoc *p, OrmDocModel *pModel, const OrmJson *pRel, const OrmJson *pName
){
  const OrmJson *pTarget = ormJsonMember(pRel, "target");
  OrmDocLink *pLink;
  End local, remote;
  if( pTarget==0 || pTarget->eType!=ORM_JSON_STRING ){
    ormJsonErr(p->pErr, pRel, "target is missing: the link table %s cannot be"
               " made without it", pName->z);
    return 0;
  }
  if( !endInit(p, &local, pModel->zName) || !endInit(p, &remote, pTarget->z) ){
    noKeys(p, local.nKey ? pTarget->z : pModel->zName, pName);
    return 0;
  }
  pLink = ormArenaAlloc(p->pArena, sizeof(*pLink));
  if( pLink==0 ) return 0;
  pLink->pRel = pRel;
  pLink->table.pNode = pName;
  pLink->table.zName = pName->z;
  pLink->nLocal = endColumns(p, &local, pRel, "secondary_local",
                             pModel->zName, pLink->azLocal);
  pLink->nRemote = endColumns(p, &remote, pRel, "secondary_remote",
      strcmp(local.zModel, remote.zModel)==0 ? pRel->zKey : pTarget->z,
      pLink->azRemote);
  if( p->pErr->rc ) return 0;
  linkSql(p, pLink, &local, &remote);
  return p->pErr->rc ? 0 : pLink;
}

OrmDocLink *ormDocLink(OrmDoc *p, OrmDocModel *pModel, const OrmJson *pRel){
  const OrmJson *pName = ormJsonMember(pRel, "secondary");
  OrmDocLink **pp = &p->pLink;
  if( p->pErr->rc || pName==0 || pName->eType!=ORM_JSON_STRING ) return 0;
  for(; *pp; pp=&(*pp)->pNext){
    if( sqlite3_stricmp((*pp)->table.zName, pName->z)==0 ) return *pp;
  }
  if( ormDocByTable(p, pName->z) ) return 0;
  if( ormFactKind(p->pOrm, p->pErr, pName->z)!=ORM_KIND_NONE ) return 0;
  if( p->pErr->rc==SQLITE_OK ) *pp = linkNew(p, pModel, pRel, pName);
  return *pp;
}

void ormDocLinks(OrmDoc *p){
  for(int i=0; i<p->nModel && p->pErr->rc==SQLITE_OK; i++){
    const OrmJson *pRels = ormJsonMember(p->aModel[i].pNode, "relationships");
    for(const OrmJson *q=pRels ? pRels->pChild : 0; q; q=q->pNext){
      ormDocLink(p, &p->aModel[i], q);
    }
  }
}

static const char *listCell(OrmDoc *p, int n, const char *const *az){
  OrmBuf buf;
  const char *z;
  if( n==1 && az[0][0]!='[' ) return az[0];
  ormBufInit(&buf, p->pErr);
  for(int i=0; i<n; i++){
    ormBufChar(&buf, i ? ',' : '[');
    ormJsonString(&buf, az[i], (i64)strlen(az[i]));
  }
  ormBufChar(&buf, ']');
  z = ormArenaText(p->pArena, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return z;
}

int ormDocLinkCells(
  OrmDoc *p, const OrmJson *pRel, const char **pzLocal, const char **pzRemote
){
  const OrmJson *pName = ormJsonMember(pRel, "secondary");
  const OrmJson *pTarget = ormJsonMember(pRel, "target");
  const OrmJson *pModel = pRel->pParent->pParent;
  OrmDocLink *pLink = p->pLink;
  if( pName==0 || pName->eType!=ORM_JSON_STRING || pTarget==0 ) return 0;
  if( pTarget->eType!=ORM_JSON_STRING || !ormJsonIs(pModel, pTarget->z) ){
    return 0;
  }
  while( pLink && sqlite3_stricmp(pLink->table.zName, pName->z)!=0 ){
    pLink = pLink->pNext;
  }
  if( pLink==0 ) return 0;
  *pzLocal = listCell(p, pLink->nLocal, pLink->azLocal);
  *pzRemote = listCell(p, pLink->nRemote, pLink->azRemote);
  if( pLink->pRel!=pRel ){
    const char *z = *pzLocal;
    *pzLocal = *pzRemote;
    *pzRemote = z;
  }
  return 1;
}
