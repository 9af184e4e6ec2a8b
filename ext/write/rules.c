/*
** Delete rules: what the delete of a row of one table means for rows of other
** tables, compiled from the relationships and from the declared foreign keys.
**
** Owns the OrmRules of a connection: nodes (tables) and edges, in one arena,
** made on demand and never changed; they belong to one catalog and are made
** anew with the next.
**
** Always true: of the edges between two nodes with the same columns at most
** one is a foreign key's, and only where no relationship speaks for them; so
** what PRAGMA foreign_keys would do is in the edges, and every reader of them
** gives the same result whether it is on or off.
*/
#include "../orm_int.h"

struct OrmRules {
  Orm *pOrm;
  int nRef;
  OrmCatalog *pCatalog;
  OrmErr err;                   /* of the arena, moved to the caller's        */
  OrmArena arena;
  int nNode;
  OrmNode *apNode[256];         /* by table                                   */
  int eEnforced;                /* 0 not asked, 1 no, 2 yes                   */
};

OrmRules *ormRulesGet(Orm *pOrm, OrmErr *pErr, OrmCatalog *pCatalog){
  OrmRules *p = pOrm->pRules;
  if( pErr->rc ) return 0;
  if( p && p->pCatalog==pCatalog ) return p;
  ormRulesFree(pOrm);
  p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ){ ormErrOom(pErr); return 0; }
  memset(p, 0, sizeof(*p));
  ormContextOnDrop(pOrm, pErr, ormRulesFree);
  p->pOrm = pOrm;
  p->nRef = 1;
  p->pCatalog = ormCatalogRef(pCatalog);
  ormArenaInit(&p->arena, &p->err);
  pOrm->pRules = p;
  return p;
}

OrmRules *ormRulesRef(OrmRules *p){
  p->nRef++;
  return p;
}

void ormRulesFree(Orm *pOrm){
  OrmRules *p = pOrm->pRules;
  pOrm->pRules = 0;
  ormRulesUnref(p);
}

void ormRulesUnref(OrmRules *p){
  if( p==0 || --p->nRef>0 ) return;
  ormArenaFree(&p->arena);
  ormErrClear(&p->err);
  ormCatalogUnref(p->pCatalog);
  sqlite3_free(p);
}

/* A failure of the arena becomes the caller's: rules are then incomplete and
** are dropped with the next catalog; nothing half-made is linked in. */
static int rulesFailed(OrmErr *pErr, OrmRules *p){
  if( p->err.rc && pErr->rc==SQLITE_OK ) ormErrOom(pErr);
  ormErrClear(&p->err);
  return pErr->rc;
}

int ormRulesEnforced(OrmRules *p, OrmErr *pErr){
  if( p->eEnforced==0 ){
    OrmStmt *pStmt = ormStmtTakef(p->pOrm, pErr,
        "SELECT 1 FROM \"main\".sqlite_schema WHERE type = 'trigger' "
        "AND name GLOB 'orm_enforce_*' LIMIT 1");
    int bThere = ormStmtStep(p->pOrm, pErr, pStmt);
    ormStmtGive(p->pOrm, pErr, pStmt);
    if( pErr->rc==SQLITE_OK ) p->eEnforced = 1 + bThere;
  }
  return p->eEnforced==2;
}

/* ------------------------------------------------------------------------
** Nodes
** --------------------------------------------------------------------- */

/* A DEFAULT that may be written into a statement of ours: one literal.  What
** else the schema holds there could call any function with our rights. */
static int isLiteral(const char *z){
  static const char *const azWord[] = { "NULL", "TRUE", "FALSE" };
  for(int i=0; i<ORM_COUNT(azWord); i++){
    if( sqlite3_stricmp(z, azWord[i])==0 ) return 1;
  }
  if( (z[0]=='x' || z[0]=='X') && z[1]=='\'' ) z++;
  if( z[0]=='\'' ){
    const char *zEnd = z + strlen(z) - 1;
    for(z++; z<zEnd; z++) if( *z=='\'' && *++z!='\'' ) return 0;
    return ORM_ALWAYS(z==zEnd && *zEnd=='\'');
  }
  if( z[0]=='-' || z[0]=='+' ) z++;
  if( z[0]<'0' || z[0]>'9' ) return 0;
  for(; *z; z++){
    if( strchr("0123456789.eE+-xXabcdfABCDF", *z)==0 ) return 0;
  }
  return 1;
}

/* One column from a row of PRAGMA table_xinfo: name, type, notnull, default,
** pk, hidden. */
static void nodeColumn(OrmNode *p, OrmColumn *pCol, sqlite3_stmt *pRow){
  OrmRules *pRules = p->pRules;
  const char *zType = ormFactText(&pRules->arena, pRow, 1);
  const char *zDef = ormFactText(&pRules->arena, pRow, 3);
  const char *zColl = 0;
  pCol->zName = ormFactText(&pRules->arena, pRow, 0);
  pCol->cAff = ormFactAffinity(zType);
  pCol->bNotNull = (u8)(sqlite3_column_int(pRow, 2)!=0);
  pCol->iKey = sqlite3_column_int(pRow, 4);
  pCol->bHidden = (u8)(sqlite3_column_int(pRow, 5)!=0);
  if( zDef ){
    pCol->bExpr = (u8)!isLiteral(zDef);
    if( !pCol->bExpr ) pCol->zDefault = zDef;
  }
  if( pCol->zName ){
    sqlite3_table_column_metadata(pRules->pOrm->db, "main", p->zTable,
                                  pCol->zName, 0, &zColl, 0, 0, 0);
  }
  pCol->zColl = zColl ? ormArenaText(&pRules->arena, zColl, -1) : "BINARY";
  if( pCol->iKey==1 && sqlite3_stricmp(zType, "INTEGER")==0 ){
    p->iRowid = (int)(pCol - p->aCol);
  }
}

static void nodeColumns(OrmErr *pErr, OrmNode *p){
  OrmRules *pRules = p->pRules;
  int nAlloc = 0, nPk = 0;
  OrmStmt *pStmt = ormStmtTakef(pRules->pOrm, pErr,
      "SELECT name, type, \"notnull\", dflt_value, pk, hidden "
      "FROM pragma_table_xinfo(?1, 'main') ORDER BY cid");
  ormBindTextTo(pErr, pStmt, 1, p->zTable, -1);
  while( ormStmtStep(pRules->pOrm, pErr, pStmt) ){
    OrmColumn *pCol = ormArenaGrow(&pRules->arena, (void**)&p->aCol, p->nCol,
                                   &nAlloc, (int)sizeof(*p->aCol));
    if( pCol==0 ) break;
    memset(pCol, 0, sizeof(*pCol));
    p->nCol++;
    nodeColumn(p, pCol, pStmt->p);
    if( pCol->iKey ) nPk++;
  }
  ormStmtGive(pRules->pOrm, pErr, pStmt);
  if( nPk!=1 ) p->iRowid = -1;
}

static int nodeWithoutRowid(OrmErr *pErr, OrmNode *p){
  Orm *pOrm = p->pRules->pOrm;
  int bWithout = 0;
  OrmStmt *pStmt;
  if( p->pModel ) return p->pModel->bWithoutRowid;
  pStmt = ormStmtTakef(pOrm, pErr,
      "SELECT wr FROM pragma_table_list(?1) WHERE schema = 'main'");
  ormBindTextTo(pErr, pStmt, 1, p->zTable, -1);
  if( ormStmtStep(pOrm, pErr, pStmt) ){
    bWithout = sqlite3_column_int(pStmt->p, 0);
  }
  ormStmtGive(pOrm, pErr, pStmt);
  return bWithout;
}

static int columnFind(const OrmNode *p, const char *zName){
  for(int i=0; i<p->nCol; i++){
    if( sqlite3_stricmp(p->aCol[i].zName, zName)==0 ) return i;
  }
  return -1;
}

/* What tells the rows apart: the rowid under a name that no column has taken,
** or else the primary key, if none of it can be NULL. */
static void nodeIdentity(OrmErr *pErr, OrmNode *p){
  static const char *const azRowid[] = { "_rowid_", "rowid", "oid" };
  OrmArena *pArena = &p->pRules->arena;
  int bWithout = nodeWithoutRowid(pErr, p), bNull = 0;
  if( bWithout ) p->iRowid = -1;
  for(int i=0; i<ORM_COUNT(azRowid) && !bWithout && p->zRowid==0; i++){
    if( columnFind(p, azRowid[i])<0 ) p->zRowid = azRowid[i];
  }
  if( p->iRowid>=0 ) p->zRowid = p->aCol[p->iRowid].zName;
  p->azId = ormArenaAlloc(pArena, ORM_MAX_KEY*(i64)sizeof(*p->azId));
  if( p->azId==0 ) return;
  if( p->zRowid ){
    p->azId[p->nId++] = p->zRowid;
    return;
  }
  for(int iKey=1; iKey<=ORM_MAX_KEY; iKey++){
    for(int i=0; i<p->nCol; i++){
      if( p->aCol[i].iKey!=iKey ) continue;
      p->azId[p->nId++] = p->aCol[i].zName;
      bNull |= !p->aCol[i].bNotNull;
    }
  }
  if( p->nId==0 || bNull ){
    ormErr(pErr, SQLITE_ERROR, "orm: table %s: no NOT NULL primary key of at "
           "most %d columns and no name of the rowid tells its rows apart",
           p->zTable, ORM_MAX_KEY);
  }
}

/* The columns that show a row's key: the model's, the table's, all columns of
** a link table, or (none) the rowid. */
static void nodeKey(OrmNode *p){
  int *aKey = ormArenaAlloc(&p->pRules->arena, (p->nCol+1)*(i64)sizeof(int));
  if( aKey==0 ) return;
  p->aKey = aKey;
  if( p->pModel ){
    for(int i=0; i<p->pModel->nKey; i++){
      const OrmField *pField = &p->pModel->aField[p->pModel->aKey[i]];
      aKey[p->nKey++] = columnFind(p, pField->zName);
    }
  }else{
    for(int iKey=1; iKey<=p->nCol; iKey++){
      for(int i=0; i<p->nCol; i++){
        if( p->aCol[i].iKey==iKey ) aKey[p->nKey++] = i;
      }
    }
  }
}

/* All models over the table: rules are about rows, whichever model they are
** seen by. */
static void nodeModels(OrmErr *pErr, OrmNode *p){
  OrmRules *pRules = p->pRules;
  Orm *pOrm = pRules->pOrm;
  int nAlloc = 0;
  const OrmLead *pLead = ormModelsOver(pOrm, pErr, pRules->pCatalog, p->zTable);
  for(; pLead; pLead=pLead->pNext){
    OrmModel **pp = ormArenaGrow(&pRules->arena, (void**)&p->apModel,
                                 p->nModel, &nAlloc, (int)sizeof(*pp));
    if( pp==0 ) break;
    *pp = ormModelFind(pOrm, pErr, pRules->pCatalog, pLead->zModel, -1);
    if( *pp==0 ) break;
    if( p->pModel==0 ) p->pModel = *pp;
    if( p->pSoft==0 && (*pp)->iSoftDelete>=0 ) p->pSoft = *pp;
    p->nModel++;
  }
}

OrmNode *ormNodeFind(OrmErr *pErr, OrmRules *pRules, const char *zTable){
  OrmNode *p, **pp;
  const char *zCopy;
  if( pErr->rc ) return 0;
  pp = &pRules->apNode[ormNameHash(zTable) % ORM_COUNT(pRules->apNode)];
  for(p=*pp; p; p=p->pNext){
    if( sqlite3_stricmp(p->zTable, zTable)==0 ) return p;
  }
  p = ormArenaAlloc(&pRules->arena, sizeof(*p));
  zCopy = ormArenaText(&pRules->arena, zTable, -1);
  if( rulesFailed(pErr, pRules) ) return 0;
  p->pRules = pRules;
  p->zTable = zCopy;
  p->iRowid = -1;
  nodeModels(pErr, p);
  nodeColumns(pErr, p);
  nodeIdentity(pErr, p);
  nodeKey(p);
  if( rulesFailed(pErr, pRules) ) return 0;
  p->iNode = pRules->nNode++;
  p->pNext = *pp;
  *pp = p;
  return p;
}

/* ------------------------------------------------------------------------
** Edges
** --------------------------------------------------------------------- */

static OrmEdge *edgeNew(OrmNode *pFrom, OrmNode *pTo, int eAction, int n){
  OrmArena *pArena = &pFrom->pRules->arena;
  OrmEdge *p = ormArenaAlloc(pArena, sizeof(*p));
  int *a = ormArenaAlloc(pArena, 4*(i64)ORM_MAX_KEY*(i64)sizeof(int));
  if( a==0 ) return 0;          /* the arena gives nothing after a failure    */
  p->pFrom = pFrom;
  p->pTo = pTo;
  p->eAction = (u8)eAction;
  p->n = n;
  p->aFrom = a;
  p->aTo = a + ORM_MAX_KEY;
  p->aViaFrom = a + 2*ORM_MAX_KEY;
  p->aViaTo = a + 3*ORM_MAX_KEY;
  return p;
}

/* The column of a node by its name, as the i-th of a list of an edge. */
static void edgeColumn(
  OrmErr *pErr, const int *aList, int i, const OrmNode *pNode, const char *zName
){
  int iCol = columnFind(pNode, zName);
  if( ORM_NEVER(iCol<0) ){
    ormErr(pErr, SQLITE_ERROR, "orm: table %s has no column %s",
           pNode->zTable, zName);
    iCol = 0;
  }
  ((int*)aList)[i] = iCol;
}

/* Can the columns that hold the reference be set NULL (or to their DEFAULT)?
** Asked of deletes too: a soft-deleted child lets go of a parent that goes.
** A relationship does not blank out a key (C24); a foreign key does what
** SQLite lets it. */
static u8 edgeBlock(const OrmEdge *p){
  u8 eBlock = ORM_BLOCK_NONE;
  if( !p->bRefers ) return ORM_BLOCK_NONE;
  for(int i=0; i<p->n; i++){
    const OrmColumn *pCol = &p->pTo->aCol[p->aTo[i]];
    int bDefault = p->eAction==ORM_EDGE_DEFAULT;
    if( bDefault && pCol->bExpr ) return ORM_BLOCK_DEFAULT;
    if( pCol->iKey && !bDefault
     && (p->pRel || p->aTo[i]==p->pTo->iRowid) ) return ORM_BLOCK_KEY;
    if( bDefault && pCol->zDefault
     && sqlite3_stricmp(pCol->zDefault, "NULL")!=0 ) continue;
    if( pCol->bNotNull ) eBlock = ORM_BLOCK_NOTNULL;
  }
  return eBlock;
}

/* Is a column of the edge in a UNIQUE index?  Two rows that let go of one
** another by referring to themselves could meet there. */
static int edgeUnique(const OrmEdge *p){
  const OrmModel *pModel = p->pTo->pModel;
  for(int i=0; pModel && i<pModel->nIndex; i++){
    const OrmIndex *pIndex = &pModel->aIndex[i];
    for(int j=0; pIndex->bUnique && j<pIndex->n; j++){
      const char *z = pModel->aField[pIndex->aField[j]].zName;
      for(int k=0; k<p->n; k++){
        if( sqlite3_stricmp(p->pTo->aCol[p->aTo[k]].zName, z)==0 ) return 1;
      }
    }
  }
  return 0;
}

/* How can a reference between rows that both go be let go of before?  By NULL,
** or, where that cannot be, by a row of a tree referring to itself. */
static u8 edgeOpen(const OrmEdge *p){
  int bKey = 0;
  if( !p->bRefers ) return ORM_OPEN_NOT;
  for(int i=0; i<p->n; i++){
    const OrmColumn *pCol = &p->pTo->aCol[p->aTo[i]];
    if( pCol->iKey || pCol->bHidden ) bKey = 1;
    else if( !pCol->bNotNull ) return ORM_OPEN_NULL;
  }
  if( p->pFrom!=p->pTo || bKey || edgeUnique(p) ) return ORM_OPEN_NOT;
  return ORM_OPEN_SELF;
}

static int sameColumns(int n, const int *a, const int *b){
  for(int i=0; i<n; i++){
    int j = 0;
    while( j<n && a[i]!=b[j] ) j++;
    if( j==n ) return 0;
  }
  return 1;
}

static void edgeLink(OrmEdge *p){
  OrmEdge **pp = &p->pFrom->pEdge;
  p->eBlock = edgeBlock(p);
  p->eOpen = edgeOpen(p);
  while( *pp ) pp = &(*pp)->pNext;
  *pp = p;
}

/* The edge that leaves pFrom for the rows of pTo whose columns refer to it. */
static OrmEdge *edgeBetween(
  OrmNode *pFrom, OrmNode *pTo, int n, const int *aTo
){
  for(OrmEdge *p=pFrom->pEdge; p; p=p->pNext){
    if( p->pTo==pTo && p->bRefers && p->n==n
     && sameColumns(n, p->aTo, aTo) ) return p;
  }
  return 0;
}

static const char *localName(const OrmRel *p, int i){
  return p->pModel->aField[p->aLocal[i]].zName;
}

static const char *remoteName(const OrmRel *p, int i){
  return p->pTarget->aField[p->aRemote[i]].zName;
}

/* The link rows of one end of a many-to-many go with that end (C60, C61). */
static void addUnlink(
  OrmErr *pErr, OrmNode *pFrom, const OrmRel *pRel, int bLocal
){
  OrmNode *pLink = ormNodeFind(pErr, pFrom->pRules, pRel->zSecondary);
  int n = bLocal ? pRel->nLocal : pRel->nRemote;
  const OrmModel *pModel = bLocal ? pRel->pModel : pRel->pTarget;
  const int *aField = bLocal ? pRel->aLocal : pRel->aRemote;
  const char **azSec = bLocal ? pRel->azSecLocal : pRel->azSecRemote;
  OrmEdge *p;
  if( pLink==0 ) return;
  pLink->bLink = 1;
  p = edgeNew(pFrom, pLink, ORM_EDGE_UNLINK, n);
  if( p==0 ) return;
  for(int i=0; i<n; i++){
    edgeColumn(pErr, p->aFrom, i, pFrom, pModel->aField[aField[i]].zName);
    edgeColumn(pErr, p->aTo, i, pLink, azSec[i]);
  }
  if( edgeBetween(pFrom, pLink, n, p->aTo) ) return;
  p->bRefers = 1;
  p->zName = bLocal ? pRel->zName : pRel->pBack ? pRel->pBack->zName
           : ormArenaPrintf(&pFrom->pRules->arena, "%s(%s)", pRel->zSecondary,
                            azSec[0]);
  p->pRel = (OrmRel*)pRel;
  edgeLink(p);
}

/* Targets of a many-to-many that cascades deletes (C66). */
static void addFar(OrmErr *pErr, OrmNode *pFrom, OrmNode *pTo, OrmRel *pRel){
  OrmNode *pLink = ormNodeFind(pErr, pFrom->pRules, pRel->zSecondary);
  OrmEdge *p;
  if( pLink==0 ) return;
  pLink->bLink = 1;
  p = edgeNew(pFrom, pTo, ORM_EDGE_DELETE, pRel->nLocal);
  if( p==0 ) return;
  p->pVia = pLink;
  p->nVia = pRel->nRemote;
  for(int i=0; i<pRel->nLocal; i++){
    edgeColumn(pErr, p->aFrom, i, pFrom, localName(pRel, i));
    edgeColumn(pErr, p->aViaFrom, i, pLink, pRel->azSecLocal[i]);
  }
  for(int i=0; i<pRel->nRemote; i++){
    edgeColumn(pErr, p->aTo, i, pTo, remoteName(pRel, i));
    edgeColumn(pErr, p->aViaTo, i, pLink, pRel->azSecRemote[i]);
  }
  p->zName = pRel->zName;
  p->pRel = pRel;
  p->bSoft = (u8)(pTo->pSoft!=0);
  edgeLink(p);
}

/* A direct relationship: the children of a to-many or one-to-one (C21-C33), or
** the target of a many-to-one that cascades deletes (C36). */
static void addDirect(
  OrmErr *pErr, OrmNode *pFrom, OrmNode *pTo, OrmRel *pRel
){
  int bDelete = (pRel->mCascade & ORM_CASCADE_DELETE)!=0;
  OrmEdge *p = edgeNew(pFrom, pTo,
      bDelete ? ORM_EDGE_DELETE : ORM_EDGE_NULLIFY, pRel->nLocal);
  if( p==0 ) return;
  for(int i=0; i<pRel->nLocal; i++){
    edgeColumn(pErr, p->aFrom, i, pFrom, localName(pRel, i));
    edgeColumn(pErr, p->aTo, i, pTo, remoteName(pRel, i));
  }
  p->zName = pRel->zName;
  p->pRel = pRel;
  p->bRefers = !pRel->bForeign;
  p->bSoft = (u8)(bDelete && pTo->pSoft);
  edgeLink(p);
}

/* The edges that a model's own relationship gives.  passive_deletes leaves the
** rows to the foreign key (C81, C82), unless the children are soft-deleted,
** which no foreign key does. */
static void addRelation(OrmErr *pErr, OrmNode *pFrom, OrmRel *pRel){
  int bDelete = (pRel->mCascade & ORM_CASCADE_DELETE)!=0;
  OrmNode *pTo = ormNodeFind(pErr, pFrom->pRules, pRel->pTarget->zTable);
  if( pTo==0 || pRel->bViewonly ) return;
  if( pRel->ePassive && !(bDelete && pTo->pSoft) ) return;
  if( pRel->zSecondary ){
    addUnlink(pErr, pFrom, pRel, 1);
    if( bDelete ) addFar(pErr, pFrom, pTo, pRel);
  }else if( !pRel->bForeign || bDelete ){
    addDirect(pErr, pFrom, pTo, pRel);
  }
}

/* Many-to-many relationships of others that lead here: the link table belongs
** to the relationship, so its rows go from this end too (C61). */
static void addInboundLinks(
  OrmErr *pErr, OrmNode *pNode, const OrmModel *pTarget
){
  OrmCatalog *pCatalog = pNode->pRules->pCatalog;
  Orm *pOrm = pNode->pRules->pOrm;
  const OrmLead *p = ormLinksTo(pOrm, pErr, pCatalog, pTarget->zName);
  for(; p && pErr->rc==SQLITE_OK; p=p->pNext){
    OrmModel *pModel;
    OrmRel *pRel;
    if( strcmp(p->zTo, pTarget->zName)!=0 ) continue;
    pModel = ormModelFind(pOrm, pErr, pCatalog, p->zModel, -1);
    pRel = ormRelFind(pOrm, pErr, pModel, p->zName, -1);
    if( pErr->rc ) break;
    if( ORM_NEVER(pRel==0) || pRel->bViewonly || pRel->ePassive ) continue;
    addUnlink(pErr, pNode, pRel, 0);
  }
}

/* The many-to-one of the table that refers, if it is declared there. */
static int declaredFrom(
  OrmErr *pErr, OrmNode *pTo, OrmModel *pModel, const OrmEdge *p
){
  if( !ormRelResolveAll(p->pFrom->pRules->pOrm, pErr, pModel) ) return 0;
  for(int i=0; i<pModel->nRel; i++){
    OrmRel *pRel = pModel->apRel[i];
    int nSame = 0;
    if( !pRel->bForeign || pRel->bViewonly || pRel->nLocal!=p->n ) continue;
    for(int j=0; j<p->n; j++){
      int k = 0;
      while( k<p->n && columnFind(pTo, pModel->aField[pRel->aLocal[k]].zName)
                       !=p->aTo[j] ) k++;
      nSame += k<p->n;
    }
    if( nSame==p->n ) return 1;
  }
  return 0;
}

/* Does a row of the deleted table itself hold a reference to the table that
** refers to it, by other columns than those?  (The favourite child, C79.) */
static int isMutual(OrmErr *pErr, const OrmEdge *p){
  Orm *pOrm = p->pFrom->pRules->pOrm;
  OrmReference *pRef = ormReferencesTo(pOrm, pErr, p->pFrom->pRules->pCatalog,
                                       p->pTo->zTable);
  for(; pRef; pRef=pRef->pNext){
    if( sqlite3_stricmp(pRef->zTable, p->pFrom->zTable)!=0 ) continue;
    if( p->pFrom!=p->pTo ) return 1;
    if( pRef->n!=p->n || columnFind(p->pTo, pRef->azFrom[0])!=p->aTo[0] ){
      return 1;
    }
  }
  return 0;
}

/* What a declared foreign key does where no relationship speaks for it (C28):
** its ON DELETE.  A nullable reference that a declared many-to-one holds in a
** pair of tables that refer to each other is set NULL instead of forbidding
** (C79). */
static void addReference(
  OrmErr *pErr, OrmNode *pFrom, const OrmReference *pRef
){
  static const u8 aAction[] = { ORM_EDGE_RESTRICT, ORM_EDGE_RESTRICT,
    ORM_EDGE_NULLIFY, ORM_EDGE_DEFAULT, ORM_EDGE_DELETE };
  OrmNode *pTo = ormNodeFind(pErr, pFrom->pRules, pRef->zTable);
  OrmEdge *p, *pOther;
  int bDeclared = 0;
  if( pTo==0 ) return;
  p = edgeNew(pFrom, pTo, aAction[pRef->eOnDelete], pRef->n);
  if( p==0 ) return;
  for(int i=0; i<pRef->n; i++){
    if( columnFind(pFrom, pRef->azTo[i])<0 ) return;  /* foreign key mismatch */
    edgeColumn(pErr, p->aFrom, i, pFrom, pRef->azTo[i]);
    edgeColumn(pErr, p->aTo, i, pTo, pRef->azFrom[i]);
  }
  p->bRefers = 1;
  p->eForeign = (u8)(pRef->eOnDelete+1);
  pOther = edgeBetween(pFrom, pTo, p->n, p->aTo);
  if( pOther ){
    pOther->eForeign = p->eForeign;
    return;
  }
  for(int i=0; i<pTo->nModel && !bDeclared; i++){
    bDeclared = declaredFrom(pErr, pTo, pTo->apModel[i], p);
  }
  if( bDeclared && pRef->eOnDelete==ORM_FK_NO_ACTION && isMutual(pErr, p) ){
    p->eAction = ORM_EDGE_NULLIFY;
    if( edgeBlock(p) ) p->eAction = ORM_EDGE_RESTRICT;
  }
  p->zName = ormArenaPrintf(&pFrom->pRules->arena, "%s(%s)",
      pTo->pModel ? pTo->pModel->zName : pTo->zTable,
      pTo->aCol[p->aTo[0]].zName);
  edgeLink(p);
}

/* Edges are the model's relationships in their order, then links of others,
** then foreign keys nobody spoke for. */
OrmEdge *ormNodeEdges(OrmErr *pErr, OrmNode *p){
  OrmRules *pRules = p->pRules;
  OrmReference *pRef;
  if( pErr->rc || p->bEdges ) return p->pEdge;
  p->pEdge = 0;
  for(int i=0; i<p->nModel; i++){
    OrmModel *pModel = p->apModel[i];
    if( !ormRelResolveAll(pRules->pOrm, pErr, pModel) ) break;
    for(int j=0; j<pModel->nRel && pErr->rc==SQLITE_OK; j++){
      addRelation(pErr, p, pModel->apRel[j]);
    }
  }
  for(int i=0; i<p->nModel; i++) addInboundLinks(pErr, p, p->apModel[i]);
  pRef = pErr->rc ? 0
       : ormReferencesTo(pRules->pOrm, pErr, pRules->pCatalog, p->zTable);
  for(; pRef && pErr->rc==SQLITE_OK; pRef=pRef->pNext){
    addReference(pErr, p, pRef);
  }
  if( rulesFailed(pErr, pRules)==SQLITE_OK ) p->bEdges = 1;
  return p->pEdge;
}

/* A foreign key to the node as a ripple: CASCADE hands the NULL on. */
static void addRipple(OrmErr *pErr, OrmNode *pFrom, const OrmReference *pRef){
  static const u8 aAction[] = { ORM_EDGE_RESTRICT, ORM_EDGE_RESTRICT,
    ORM_EDGE_NULLIFY, ORM_EDGE_DEFAULT, ORM_EDGE_NULLIFY };
  OrmNode *pTo = ormNodeFind(pErr, pFrom->pRules, pRef->zTable);
  OrmEdge *p = pTo ? edgeNew(pFrom, pTo, aAction[pRef->eOnUpdate], pRef->n) : 0;
  if( p==0 ) return;
  for(int i=0; i<pRef->n; i++){
    if( columnFind(pFrom, pRef->azTo[i])<0 ) return;  /* foreign key mismatch */
    edgeColumn(pErr, p->aFrom, i, pFrom, pRef->azTo[i]);
    edgeColumn(pErr, p->aTo, i, pTo, pRef->azFrom[i]);
  }
  if( p->n==1 && p->aFrom[0]==pFrom->iRowid ) return;     /* is never NULL  */
  p->bRefers = 1;
  p->eForeign = (u8)(pRef->eOnUpdate+1);
  p->zName = ormArenaPrintf(&pFrom->pRules->arena, "%s(%s)",
      pTo->pModel ? pTo->pModel->zName : pTo->zTable,
      pTo->aCol[p->aTo[0]].zName);
  p->eBlock = edgeBlock(p);
  p->pNext = pFrom->pRipple;
  pFrom->pRipple = p;
}

OrmEdge *ormNodeRipples(OrmErr *pErr, OrmNode *p){
  OrmRules *pRules = p->pRules;
  OrmReference *pRef;
  if( pErr->rc || p->bRipples ) return p->pRipple;
  p->pRipple = 0;
  pRef = ormReferencesTo(pRules->pOrm, pErr, pRules->pCatalog, p->zTable);
  for(; pRef && pErr->rc==SQLITE_OK; pRef=pRef->pNext) addRipple(pErr, p, pRef);
  if( rulesFailed(pErr, pRules)==SQLITE_OK ) p->bRipples = 1;
  return p->pRipple;
}

int ormEdgeTouches(const OrmEdge *p, const OrmEdge *pRipple){
  for(int i=0; i<p->n; i++){
    for(int j=0; j<pRipple->n; j++){
      if( p->aTo[i]==pRipple->aFrom[j] ) return 1;
    }
  }
  return 0;
}

int ormEdgeMeets(const OrmEdge *p, const OrmEdge *pRipple){
  if( p->eAction==ORM_EDGE_RESTRICT || p->eAction==ORM_EDGE_UNLINK ) return 0;
  if( p->eAction==ORM_EDGE_DELETE && p->pTo->pSoft==0 ) return 0;
  return p->eBlock==0 && ormEdgeTouches(p, pRipple);
}

void ormEdgeKeep(OrmErr *pErr, const OrmEdge *pConst, int bDrop, OrmBuf *pBuf){
  OrmEdge *p = (OrmEdge*)pConst;
  OrmRules *pRules = p->pFrom->pRules;
  const char *z = ormBufText(pBuf);
  if( pErr->rc ) return;
  z = ormArenaText(&pRules->arena, z, pBuf->n);
  if( rulesFailed(pErr, pRules) ) return;
  if( bDrop ){ p->zDrop = z; p->nDrop = (int)pBuf->n; }
  else{ p->zFind = z; p->nFind = (int)pBuf->n; }
}

/* ------------------------------------------------------------------------
** SQL text
** --------------------------------------------------------------------- */

void ormNodeIds(OrmBuf *pBuf, const OrmNode *p, const char *zAlias){
  for(int i=0; i<p->nId; i++){
    if( i ) ormBufAdd(pBuf, ", ", 2);
    ormBufColumn(pBuf, zAlias, p->azId[i]);
  }
}

/* "a.x = b.y", the side referred to first: where collations differ, the left
** one decides. */
static void joinColumns(
  OrmBuf *pBuf, const char *zRef, const OrmNode *pRef, int iRef,
  const char *zChild, const OrmNode *pChild, int iChild
){
  ormBufColumn(pBuf, zRef, pRef->aCol[iRef].zName);
  ormBufAdd(pBuf, " = ", 3);
  ormBufColumn(pBuf, zChild, pChild->aCol[iChild].zName);
}

/* A column without a type is compared with a number as a number, so SQLite
** does not use its index. */
static int isUntyped(const OrmColumn *pRef, const OrmColumn *pChild){
  return pRef->cAff>='C' && pChild->cAff=='A';
}

/* The same, so that an index on the child's column serves: a number is sought
** as it is, and texts, of which there are few or none, by themselves. */
static void seekColumns(
  OrmBuf *pBuf, const char *zRef, const OrmNode *pRef, int iRef,
  const char *zChild, const OrmNode *pChild, int iChild
){
  const OrmColumn *pR = &pRef->aCol[iRef], *pC = &pChild->aCol[iChild];
  if( isUntyped(pR, pC) ){
    ormBufAdd(pBuf, "(+", 2);
    ormBufColumn(pBuf, zRef, pR->zName);
    ormBufAdd(pBuf, " = ", 3);
    ormBufColumn(pBuf, zChild, pC->zName);
    ormBufAdd(pBuf, " OR (", 5);
    ormBufIsText(pBuf, zChild, pC->zName);
    ormBufAdd(pBuf, " AND ", 5);
  }
  joinColumns(pBuf, zRef, pRef, iRef, zChild, pChild, iChild);
  if( isUntyped(pR, pC) ) ormBufAdd(pBuf, "))", 2);
}

void ormEdgeJoin(
  OrmBuf *pBuf, const OrmEdge *p, const char *zFrom, const char *zTo
){
  if( p->pVia ){
    for(int i=0; i<p->n; i++){
      if( i ) ormBufAdd(pBuf, " AND ", 5);
      seekColumns(pBuf, zFrom, p->pFrom, p->aFrom[i],
                  "l", p->pVia, p->aViaFrom[i]);
    }
    for(int i=0; i<p->nVia; i++){
      ormBufAdd(pBuf, " AND ", 5);
      joinColumns(pBuf, zTo, p->pTo, p->aTo[i], "l", p->pVia, p->aViaTo[i]);
    }
    return;
  }
  for(int i=0; i<p->n; i++){
    if( i ) ormBufAdd(pBuf, " AND ", 5);
    if( p->bRefers ){
      seekColumns(pBuf, zFrom, p->pFrom, p->aFrom[i], zTo, p->pTo, p->aTo[i]);
    }else{
      joinColumns(pBuf, zTo, p->pTo, p->aTo[i], zFrom, p->pFrom, p->aFrom[i]);
    }
  }
}

int ormEdgePlain(const OrmEdge *p){
  for(int i=0; i<p->n; i++){
    const OrmColumn *pRef = &p->pFrom->aCol[p->aFrom[i]];
    const OrmColumn *pChild = &p->pTo->aCol[p->aTo[i]];
    if( isUntyped(pRef, pChild)
     || (pChild->cAff=='B' && pRef->cAff!='B')
     || sqlite3_stricmp(pRef->zColl, pChild->zColl)!=0 ) return 0;
  }
  return 1;
}

int ormEdgeShares(const OrmEdge *a, const OrmEdge *b){
  for(int i=0; i<a->n; i++){
    for(int j=0; j<b->n; j++) if( a->aTo[i]==b->aTo[j] ) return 1;
  }
  return 0;
}

void ormEdgeOpenSql(OrmBuf *pBuf, const OrmEdge *p){
  const char *zSep = " SET ";
  for(int i=0; i<p->n; i++){
    const OrmColumn *pCol = &p->pTo->aCol[p->aTo[i]];
    if( pCol->iKey || pCol->bHidden ) continue;
    if( pCol->bNotNull && p->eOpen!=ORM_OPEN_SELF ) continue;
    ormBufAdd(pBuf, zSep, -1);
    ormBufName(pBuf, pCol->zName);
    ormBufAdd(pBuf, " = ", 3);
    if( p->eOpen==ORM_OPEN_NULL ) ormBufAdd(pBuf, "NULL", 4);
    else ormBufName(pBuf, p->pFrom->aCol[p->aFrom[i]].zName);
    zSep = ", ";
  }
}

void ormSoftDeletedSql(
  OrmBuf *pBuf, const OrmModel *pModel, const char *zAlias
){
  const OrmField *pField = &pModel->aField[pModel->iSoftDelete];
  if( pField->eType==ORM_TYPE_BOOLEAN ){
    ormBufAdd(pBuf, "coalesce(", -1);
    ormBufColumn(pBuf, zAlias, pField->zName);
    ormBufAdd(pBuf, ", 0) <> 0", -1);
  }else{
    ormBufColumn(pBuf, zAlias, pField->zName);
    ormBufAdd(pBuf, " IS NOT NULL", -1);
  }
}

void ormTouchSql(OrmBuf *pBuf, const OrmModel *pModel, int iNow){
  for(int i=0; i<pModel->nField; i++){
    const OrmField *p = &pModel->aField[i];
    if( p->eAuto==ORM_AUTO_VERSION ){
      ormBufAdd(pBuf, ", ", 2);
      ormBufName(pBuf, p->zName);
      ormBufAdd(pBuf, " = ", 3);
      ormBufName(pBuf, p->zName);
      ormBufAdd(pBuf, " + 1", 4);
    }else if( p->eAuto==ORM_AUTO_UPDATED ){
      ormBufAdd(pBuf, ", ", 2);
      ormBufName(pBuf, p->zName);
      ormBufPrintf(pBuf, " = ?%d", iNow);
    }
  }
}
