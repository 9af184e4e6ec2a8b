/*
** orm_reflect(): an existing database mapped, by its foreign keys.
**
** Tables become models first, by rows of orm_model.  Then the catalog reads
** them like any others, and every foreign key between two of them becomes an
** Edge: the to-one on the side that holds it and the to-many on the other; a
** link table becomes two many-to-manys.  All names are given before anything
** is written: to-one first, then to-many, then many-to-many, each in the order
** of the tables and of their foreign keys; the first taker keeps the plain
** name.  A row that is there is never touched, nor doubled under another name.
*/
#include "../orm_int.h"

typedef struct Table Table;
struct Table {                  /* a table of the file that may be reflected  */
  const char *zName;
  const char *zModel;           /* its model, or 0                            */
  OrmModel *pModel;             /* read back; 0: none, or broken              */
  u8 bLink;
  int nFk; OrmFkFact *aFk;
  int nTaken, nTakenAlloc; const char **azTaken;   /* relationship names      */
};

typedef struct Edge Edge;
struct Edge {                   /* a relationship to be                       */
  Edge *pNext;
  Edge *pBack;
  Table *pFrom, *pTo;
  const char *zName;
  const OrmFkFact *pFk;         /* the key; of a link: the one towards pFrom  */
  const OrmFkFact *pFkTo;       /* of a link: the one towards pTo             */
  Table *pLink;
  u8 bForeign;                  /* to-one: pFrom holds the key                */
  u8 bThere;                    /* such a relationship exists already         */
};

typedef struct Reflect Reflect;
struct Reflect {
  Orm *pOrm;
  OrmErr *pErr;
  OrmArena arena;
  OrmCatalog *pCatalog;
  const OrmJson *pTables, *pExcept;
  OrmTableMap *pMap;
  int nTable, nAlloc; Table *aTable;
  Edge *pEdge, **ppLast;
  const char *zOptions; i64 nOptions;
  i64 nModel;
};

/* ------------------------------------------------------------------------
** Which tables
*/
static const OrmJson *listHas(const OrmJson *pList, const char *zTable){
  const OrmJson *p = pList ? pList->pChild : 0;
  while( p && sqlite3_stricmp(p->z, zTable)!=0 ) p = p->pNext;
  return p;
}

static void parseOptions(Reflect *p){
  static const char *const azPart[] = { "tables", "except", 0 };
  OrmJson *pDoc;
  if( p->zOptions==0 ) return;
  pDoc = ormJsonParse(&p->arena, p->zOptions, p->nOptions, "options");
  if( pDoc==0 ) return;
  if( pDoc->eType!=ORM_JSON_OBJECT ){
    ormJsonErr(p->pErr, pDoc, "options are an object, not %s",
               ormJsonTypeName(pDoc));
    return;
  }
  for(OrmJson *pPart=pDoc->pChild; pPart; pPart=pPart->pNext){
    if( ormJsonIs(pPart, "tables") ) p->pTables = pPart;
    else if( ormJsonIs(pPart, "except") ) p->pExcept = pPart;
    else{
      const char *z = ormNearest(pPart->zKey, pPart->nKey, ormNameInArray,
                                 azPart);
      ormJsonErr(p->pErr, pPart, "no such option%s%s%s",
          z ? " (did you mean " : "", z ? z : "", z ? "?)" : "");
      return;
    }
    if( pPart->eType!=ORM_JSON_ARRAY ){
      ormJsonErr(p->pErr, pPart, "an array of table names, not %s",
                 ormJsonTypeName(pPart));
      return;
    }
    for(OrmJson *q=pPart->pChild; q; q=q->pNext){
      if( q->eType!=ORM_JSON_STRING ){
        ormJsonErr(p->pErr, q, "a table name, not %s", ormJsonTypeName(q));
      }
    }
  }
}

/* Names in the options that are no tables. */
static void checkNames(Reflect *p, const OrmJson *pList){
  for(const OrmJson *q=pList ? pList->pChild : 0; q; q=q->pNext){
    if( p->pErr->rc ) return;
    if( ormFactKind(p->pOrm, p->pErr, q->z)==ORM_KIND_NONE ){
      ormJsonErr(p->pErr, q, "no such table %s", q->z);
    }
  }
}

/* Is a table one that a virtual table keeps its content in?  Told by SQLite
** where the module is there, else by the names that the known ones use. */
static const char zTablesSql[] =
    "WITH v(name) AS MATERIALIZED (SELECT lower(name) FROM main.sqlite_schema"
    "  WHERE type='table' AND lower(sql) LIKE 'create virtual%%'),"
    " s(suffix) AS (VALUES('content'),('segments'),('segdir'),('docsize'),"
    "  ('stat'),('data'),('idx'),('config'),('node'),('rowid'),('parent'))"
    " SELECT name FROM main.sqlite_schema AS t WHERE type='table'"
    " AND lower(sql) NOT LIKE 'create virtual%%'"
    " AND lower(name) NOT LIKE 'sqlite\\_%%' ESCAPE '\\'"
    " AND lower(name) NOT LIKE 'orm\\_%%' ESCAPE '\\'"
    " AND lower(name) NOT LIKE '\\_litestream%%' ESCAPE '\\'"
    " AND NOT EXISTS (SELECT 1 FROM s"
    "  WHERE substr(t.name, -length(suffix)-1)='_'||suffix COLLATE NOCASE"
    "  AND lower(substr(t.name, 1, length(t.name)-length(suffix)-1)) IN v)"
    " ORDER BY rowid";

static int isShadow(Reflect *p, const char *zTable){
  int bShadow = 0;
  sqlite3_stmt *pStmt = ormFactOpenAny(p->pOrm, p->pErr,
      "PRAGMA main.table_list(\"%w\")", zTable);
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    const char *z = (const char*)sqlite3_column_text(pStmt, 2);
    if( z && strcmp(z, "shadow")==0 ) bShadow = 1;
  }
  sqlite3_finalize(pStmt);
  return bShadow;
}

static int fileHasVirtual(Reflect *p){
  int b;
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr,
      "SELECT 1 FROM main.sqlite_schema WHERE type='table'"
      " AND lower(sql) LIKE 'create virtual%%'");
  b = ormFactStep(p->pOrm, p->pErr, pStmt);
  sqlite3_finalize(pStmt);
  return b;
}

static void collectTables(Reflect *p){
  int bVirtual = fileHasVirtual(p);
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr, zTablesSql);
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    const char *zName = ormFactText(&p->arena, pStmt, 0);
    Table *pTab;
    if( zName==0 || listHas(p->pExcept, zName) ) continue;
    if( p->pTables && !listHas(p->pTables, zName) ) continue;
    pTab = ormArenaGrow(&p->arena, (void**)&p->aTable, p->nTable, &p->nAlloc,
                        sizeof(Table));
    if( pTab==0 ) break;
    memset(pTab, 0, sizeof(*pTab));
    pTab->zName = zName;
    p->nTable++;
  }
  sqlite3_finalize(pStmt);
  for(int i=0; bVirtual && i<p->nTable; i++){
    if( !isShadow(p, p->aTable[i].zName) ) continue;
    memmove(&p->aTable[i], &p->aTable[i+1],
            sizeof(Table)*(size_t)(p->nTable-i-1));
    p->nTable--;
    i--;
  }
}

/* ------------------------------------------------------------------------
** Models
*/

/* Columns of a table that lie in none of its foreign keys; columns of its
** primary key to *pnKey. */
static int columnsOutside(Reflect *p, const Table *pTab, int *pnKey){
  int nOut = 0;
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr,
      "PRAGMA main.table_xinfo(\"%w\")", pTab->zName);
  *pnKey = 0;
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    const char *z = (const char*)sqlite3_column_text(pStmt, 1);
    int bIn = 0;
    for(int i=0; z && i<pTab->nFk; i++){
      for(int j=0; j<pTab->aFk[i].n; j++){
        if( sqlite3_stricmp(pTab->aFk[i].azFrom[j], z)==0 ) bIn = 1;
      }
    }
    nOut += !bIn;
    *pnKey += sqlite3_column_int(pStmt, 5)>0;
  }
  sqlite3_finalize(pStmt);
  return nOut;
}

/* Give a table its model: the one that it has, or a new row of its name. */
static void reflectModel(Reflect *p, Table *pTab){
  int nKey;
  int nOut;
  pTab->nFk = ormFactFks(p->pOrm, p->pErr, &p->arena, pTab->zName, &pTab->aFk);
  pTab->zModel = ormTableMapFind(p->pMap, pTab->zName);
  if( pTab->zModel || p->pErr->rc ) return;
  nOut = columnsOutside(p, pTab, &nKey);
  pTab->bLink = pTab->nFk==2 && nOut==0;
  if( pTab->bLink || nKey==0 || nKey>ORM_MAX_KEY ) return;
  ormFactExecLikef(p->pOrm, p->pErr,
      "INSERT OR IGNORE INTO main.orm_model(name, table_name) VALUES(%Q, %Q)",
      pTab->zName, pTab->zName);
  if( p->pErr->rc || sqlite3_changes(p->pOrm->db)==0 ) return;
  pTab->zModel = pTab->zName;                /* else the name is another's */
  ormTableMapAdd(p->pMap, pTab->zName, pTab->zModel);
}

/* Read the models back.  A broken one takes no part. */
static void readModels(Reflect *p){
  p->pCatalog = ormCatalogPin(p->pOrm, p->pErr);
  for(int i=0; i<p->nTable && p->pErr->rc==SQLITE_OK; i++){
    OrmErr err = {0};
    Table *pTab = &p->aTable[i];
    if( pTab->zModel==0 ) continue;
    p->nModel++;
    pTab->pModel = ormModelFind(p->pOrm, &err, p->pCatalog, pTab->zModel, -1);
    ormErrForgive(&err, p->pErr);
  }
}

static Table *findTable(Reflect *p, const char *zName){
  for(int i=0; i<p->nTable; i++){
    if( sqlite3_stricmp(p->aTable[i].zName, zName)==0 ) return &p->aTable[i];
  }
  return 0;
}

/* ------------------------------------------------------------------------
** Edges
*/
static Edge *edgeNew(
  Reflect *p, Table *pFrom, Table *pTo, const OrmFkFact *pFk
){
  Edge *pEdge = ormArenaAlloc(&p->arena, sizeof(*pEdge));
  if( pEdge==0 ) return 0;
  pEdge->pFrom = pFrom;
  pEdge->pTo = pTo;
  pEdge->pFk = pFk;
  return pEdge;
}

/* Is the key usable: are all its columns fields, there and here, and do they
** differ? */
static int fkUsable(const OrmFkFact *pFk, const Table *pFrom, const Table *pTo){
  int bSame = pFrom==pTo;
  for(int i=0; i<pFk->n; i++){
    if( ormFieldByColumn(pFrom->pModel, pFk->azFrom[i])<0 ) return 0;
    if( ormFieldByColumn(pTo->pModel, pFk->azTo[i])<0 ) return 0;
    if( sqlite3_stricmp(pFk->azFrom[i], pFk->azTo[i])!=0 ) bSame = 0;
  }
  return !bSame;
}

static int sameColumns(const OrmFkFact *pA, const OrmFkFact *pB){
  int nHit = 0;
  for(int i=0; i<pA->n; i++){
    for(int j=0; j<pB->n; j++){
      nHit += sqlite3_stricmp(pA->azFrom[i], pB->azFrom[j])==0;
    }
  }
  return pA->n==pB->n && nHit==pA->n;
}

/* Was the same key declared before, word for word? */
static int fkRepeated(const Table *pTab, int iFk){
  for(int i=0; i<iFk; i++){
    if( sameColumns(&pTab->aFk[i], &pTab->aFk[iFk])
     && sqlite3_stricmp(pTab->aFk[i].zTarget, pTab->aFk[iFk].zTarget)==0 ){
      return 1;
    }
  }
  return 0;
}

static void edgeAppend(Reflect *p, Edge *pEdge){
  *p->ppLast = pEdge;
  p->ppLast = &pEdge->pNext;
}

/* The edges of all foreign keys: to-ones into the list, their reverses made
** and left for addToMany(). */
static void addToOnes(Reflect *p){
  for(int i=0; i<p->nTable; i++){
    Table *pTab = &p->aTable[i];
    for(int j=0; pTab->pModel && j<pTab->nFk; j++){
      OrmFkFact *pFk = &pTab->aFk[j];
      Table *pTo = findTable(p, pFk->zTarget);
      Edge *pOne, *pMany;
      if( pTo==0 || pTo->pModel==0 || fkRepeated(pTab, j) ) continue;
      if( !fkUsable(pFk, pTab, pTo) ) continue;
      pOne = edgeNew(p, pTab, pTo, pFk);
      pMany = edgeNew(p, pTo, pTab, pFk);
      if( pOne==0 || pMany==0 ) return;
      pOne->bForeign = 1;
      pOne->pBack = pMany;
      pMany->pBack = pOne;
      edgeAppend(p, pOne);
    }
  }
}

static void addToManys(Reflect *p){
  Edge *pLast = 0;
  for(Edge *pEdge=p->pEdge; pEdge; pEdge=pEdge->pNext) pLast = pEdge;
  for(Edge *pEdge=p->pEdge; pEdge; pEdge=pEdge->pNext){
    edgeAppend(p, pEdge->pBack);
    if( pEdge==pLast ) break;
  }
}

static void addLinks(Reflect *p){
  for(int i=0; i<p->nTable; i++){
    Table *pTab = &p->aTable[i];
    Table *apEnd[2];
    Edge *apEdge[2];
    if( !pTab->bLink ) continue;
    for(int j=0; j<2; j++) apEnd[j] = findTable(p, pTab->aFk[j].zTarget);
    if( apEnd[0]==0 || apEnd[0]->pModel==0 ) continue;
    if( apEnd[1]==0 || apEnd[1]->pModel==0 ) continue;
    for(int j=0; j<2; j++){
      apEdge[j] = edgeNew(p, apEnd[j], apEnd[1-j], &pTab->aFk[j]);
      if( apEdge[j]==0 ) return;
      apEdge[j]->pFkTo = &pTab->aFk[1-j];
      apEdge[j]->pLink = pTab;
    }
    apEdge[0]->pBack = apEdge[1];
    apEdge[1]->pBack = apEdge[0];
    edgeAppend(p, apEdge[0]);
    edgeAppend(p, apEdge[1]);
  }
}

/* ------------------------------------------------------------------------
** What is there already
*/
static int fieldsAre(
  const OrmModel *pModel, int n, const int *a, const char *const *az, int m
){
  int nHit = 0;
  for(int i=0; i<n; i++){
    for(int j=0; j<m; j++){
      nHit += sqlite3_stricmp(pModel->aField[a[i]].zName, az[j])==0;
    }
  }
  return n==m && nHit==n;
}

static int namesAre(int n, const char **az, const OrmFkFact *pFk){
  int nHit = 0;
  for(int i=0; i<n; i++){
    for(int j=0; j<pFk->n; j++){
      nHit += sqlite3_stricmp(az[i], pFk->azFrom[j])==0;
    }
  }
  return n==pFk->n && nHit==n;
}

/* Does a resolved relationship go the way of the edge? */
static int edgeIs(const Edge *pEdge, const OrmRel *pRel){
  if( pRel->pTarget!=pEdge->pTo->pModel ) return 0;
  if( pEdge->pLink ){
    return pRel->zSecondary
        && sqlite3_stricmp(pRel->zSecondary, pEdge->pLink->zName)==0
        && namesAre(pRel->nLocal, pRel->azSecLocal, pEdge->pFk)
        && namesAre(pRel->nRemote, pRel->azSecRemote, pEdge->pFkTo);
  }
  if( pRel->zSecondary || pRel->bForeign!=pEdge->bForeign ) return 0;
  if( pEdge->bForeign ){
    return fieldsAre(pRel->pModel, pRel->nLocal, pRel->aLocal,
                     pEdge->pFk->azFrom, pEdge->pFk->n);
  }
  return fieldsAre(pRel->pTarget, pRel->nRemote, pRel->aRemote,
                   pEdge->pFk->azFrom, pEdge->pFk->n);
}

static void takeName(Reflect *p, Table *pTab, const char *zName){
  const char **pz = ormArenaGrow(&p->arena, (void**)&pTab->azTaken,
                        pTab->nTaken, &pTab->nTakenAlloc, sizeof(char*));
  if( pz==0 ) return;
  *pz = zName;
  pTab->nTaken++;
}

/* Names and relationships that the models have: names are taken, edges that a
** sound relationship covers are there. */
static void readExisting(Reflect *p, Table *pTab){
  OrmModel *pModel = pTab->pModel;
  for(int i=0; pModel && i<pModel->nRel && p->pErr->rc==SQLITE_OK; i++){
    OrmErr err = {0};
    OrmRel *pRel = ormRelFind(p->pOrm, &err, pModel, pModel->apRel[i]->zName,
                              -1);
    takeName(p, pTab, pModel->apRel[i]->zName);
    for(Edge *pEdge=p->pEdge; pRel && pEdge; pEdge=pEdge->pNext){
      if( pEdge->pFrom!=pTab || pEdge->bThere || !edgeIs(pEdge, pRel) ){
        continue;
      }
      pEdge->bThere = 1;
      pEdge->zName = pRel->zName;
    }
    ormErrForgive(&err, p->pErr);
  }
}

/* ------------------------------------------------------------------------
** Names
*/
static int isTaken(const Table *pTab, const char *zName){
  if( ormFieldByColumn(pTab->pModel, zName)>=0 ) return 1;
  for(int i=0; i<pTab->nTaken; i++){
    if( sqlite3_stricmp(pTab->azTaken[i], zName)==0 ) return 1;
  }
  return 0;
}

/* A foreign key column without its _id, Id or ID; 0 if it has none. */
static const char *withoutId(Reflect *p, const char *zColumn){
  i64 n = (i64)strlen(zColumn);
  if( n>3 && sqlite3_stricmp(&zColumn[n-3], "_id")==0 ){
    return ormArenaText(&p->arena, zColumn, n-3);
  }
  if( n>2 && (strcmp(&zColumn[n-2], "Id")==0
           || strcmp(&zColumn[n-2], "ID")==0) ){
    return ormArenaText(&p->arena, zColumn, n-2);
  }
  return 0;
}

static const char *plainName(Reflect *p, const Edge *pEdge){
  const char *z = 0;
  if( !pEdge->bForeign ) return pEdge->pTo->zName;
  if( pEdge->pFk->n==1 ) z = withoutId(p, pEdge->pFk->azFrom[0]);
  return z ? z : pEdge->pTo->zModel;
}

static void giveName(Reflect *p, Edge *pEdge){
  const char *zPlain, *zBy;
  OrmBuf buf;
  if( pEdge->bThere || p->pErr->rc ) return;
  zPlain = pEdge->zName = plainName(p, pEdge);
  if( isTaken(pEdge->pFrom, zPlain) ){
    ormBufInit(&buf, p->pErr);
    ormBufPrintf(&buf, "%s_by", zPlain);
    for(int i=0; i<pEdge->pFk->n; i++){
      ormBufPrintf(&buf, "_%s", pEdge->pFk->azFrom[i]);
    }
    zBy = pEdge->zName = ormArenaText(&p->arena, ormBufText(&buf), -1);
    for(int i=2; zBy && pEdge->zName && isTaken(pEdge->pFrom, pEdge->zName);
        i++){
      pEdge->zName = ormArenaPrintf(&p->arena, "%s_%d", zBy, i);
    }
    ormBufFree(&buf);
  }
  if( pEdge->zName ) takeName(p, pEdge->pFrom, pEdge->zName);
}

/* ------------------------------------------------------------------------
** Rows
*/

/* A cell for columns: plain if one, else a JSON array. */
static const char *columnsCell(Reflect *p, const char *const *az, int n){
  OrmBuf buf;
  const char *z;
  if( n==1 && az[0][0]!='[' ) return az[0];
  ormBufInit(&buf, p->pErr);
  for(int i=0; i<n; i++){
    ormBufChar(&buf, i ? ',' : '[');
    ormJsonString(&buf, az[i], (i64)strlen(az[i]));
  }
  ormBufChar(&buf, ']');
  z = ormArenaText(&p->arena, ormBufText(&buf), -1);
  ormBufFree(&buf);
  return z;
}

/* How many foreign keys lie between two tables, either way? */
static int countFks(const Table *pA, const Table *pB){
  int n = 0;
  for(int i=0; i<pA->nFk; i++){
    n += sqlite3_stricmp(pA->aFk[i].zTarget, pB->zName)==0;
  }
  for(int i=0; pA!=pB && i<pB->nFk; i++){
    n += sqlite3_stricmp(pB->aFk[i].zTarget, pA->zName)==0;
  }
  return n;
}

/* Does another foreign key of a table have just these columns at its other
** end, bFrom: at its own? */
static int keyMeets(
  const Table *pTab, const Table *pTo, const OrmFkFact *pFk, int bFrom
){
  for(int i=0; i<pTab->nFk; i++){
    const OrmFkFact *pOther = &pTab->aFk[i];
    const char *const *az = bFrom ? pOther->azFrom : pOther->azTo;
    int nHit = 0;
    if( pOther==pFk || pOther->n!=pFk->n
     || sqlite3_stricmp(pOther->zTarget, pTo->zName)!=0 ) continue;
    for(int j=0; j<pFk->n; j++){
      for(int k=0; k<pFk->n; k++){
        nHit += sqlite3_stricmp(az[j], pFk->azFrom[k])==0;
      }
    }
    if( nHit==pFk->n ) return 1;
  }
  return 0;
}

/* Do the columns of the foreign key leave open which one is meant?  They are
** those of another one that leads elsewhere, or what refers to this table, by
** columns that are UNIQUE, leads to. */
static int edgeOpen(const Edge *pEdge){
  const Table *pHolder = pEdge->bForeign ? pEdge->pFrom : pEdge->pTo;
  const Table *pOther = pEdge->bForeign ? pEdge->pTo : pEdge->pFrom;
  return keyMeets(pHolder, pOther, pEdge->pFk, 1)
      || keyMeets(pOther, pHolder, pEdge->pFk, 0);
}

static int edgeUnique(const Edge *pEdge){
  const OrmModel *pModel = pEdge->bForeign ? pEdge->pFrom->pModel
                                           : pEdge->pTo->pModel;
  int a[ORM_MAX_KEY];
  for(int i=0; i<pEdge->pFk->n; i++){
    a[i] = ormFieldByColumn(pModel, pEdge->pFk->azFrom[i]);
  }
  return ormModelUnique(pModel, pEdge->pFk->n, a);
}

/* The direction, for people to see; which foreign key, where inference could
** not tell. */
static void edgeInsertDirect(Reflect *p, const Edge *pEdge, const char *zBack){
  static const char *const azCascade[] = {
    0, 0, 0, 0, "all, delete-orphan"
  };
  static const char *const azPassive[] = { 0, "all", "1", "1", "1" };
  int nFk = countFks(pEdge->pFrom, pEdge->pTo);
  int bSelf = pEdge->pFrom==pEdge->pTo;
  int bUnique = edgeUnique(pEdge);
  int eAction = pEdge->bForeign ? ORM_FK_NO_ACTION : pEdge->pFk->eOnDelete;
  const char *zColumns = nFk>1 || (bSelf && bUnique)
      ? columnsCell(p, pEdge->pFk->azFrom, pEdge->pFk->n) : 0;
  const char *zOther = zColumns && edgeOpen(pEdge)
      ? columnsCell(p, pEdge->pFk->azTo, pEdge->pFk->n) : 0;
  int eDir = bUnique ? ORM_ONE_TO_ONE
           : pEdge->bForeign ? ORM_MANY_TO_ONE : ORM_ONE_TO_MANY;
  const char *zPassive = azPassive[eAction];
  ormFactExecLikef(p->pOrm, p->pErr,
      "INSERT INTO main.orm_relationship(model, name, target, direction,"
      " local_columns, remote_columns, back_populates, cascade,"
      " passive_deletes) VALUES(%Q, %Q, %Q, %Q, %Q, %Q, %Q, %Q, %s%s%s)",
      pEdge->pFrom->zModel, pEdge->zName, pEdge->pTo->zModel,
      ormDirectionName(eDir),
      pEdge->bForeign ? zColumns : zOther, pEdge->bForeign ? zOther : zColumns,
      zBack, azCascade[eAction],
      zPassive && zPassive[0]=='a' ? "'" : "", zPassive ? zPassive : "NULL",
      zPassive && zPassive[0]=='a' ? "'" : "");
}

static void edgeInsertLink(Reflect *p, const Edge *pEdge, const char *zBack){
  int bSelf = pEdge->pFrom==pEdge->pTo;
  ormFactExecLikef(p->pOrm, p->pErr,
      "INSERT INTO main.orm_relationship(model, name, target, direction,"
      " secondary, secondary_local, secondary_remote, back_populates)"
      " VALUES(%Q, %Q, %Q, 'many_to_many', %Q, %Q, %Q, %Q)",
      pEdge->pFrom->zModel, pEdge->zName, pEdge->pTo->zModel,
      pEdge->pLink->zName,
      bSelf ? columnsCell(p, pEdge->pFk->azFrom, pEdge->pFk->n) : 0,
      bSelf ? columnsCell(p, pEdge->pFkTo->azFrom, pEdge->pFkTo->n) : 0,
      zBack);
}

static void edgeInsert(Reflect *p, const Edge *pEdge){
  const char *zBack = pEdge->pBack->zName;
  if( pEdge->bThere || p->pErr->rc ) return;
  if( pEdge->pLink ) edgeInsertLink(p, pEdge, zBack);
  else edgeInsertDirect(p, pEdge, zBack);
}

int ormReflectSkips(
  Orm *pOrm, OrmErr *pErr, OrmArena *pArena, const char ***paz
){
  Reflect reflect;
  Reflect *p = &reflect;
  int n = 0, nAlloc = 0, nKey;
  memset(p, 0, sizeof(*p));
  p->pOrm = pOrm;
  p->pErr = pErr;
  ormArenaInit(&p->arena, pErr);
  collectTables(p);
  p->pMap = ormTableMapNew(pOrm, &p->arena);
  for(int i=0; i<p->nTable && pErr->rc==SQLITE_OK; i++){
    Table *pTab = &p->aTable[i];
    int nOut = columnsOutside(p, pTab, &nKey);
    if( nKey>0 || ormTableMapFind(p->pMap, pTab->zName) ) continue;
    pTab->nFk = ormFactFks(pOrm, pErr, &p->arena, pTab->zName, &pTab->aFk);
    if( pTab->nFk==2 ) nOut = columnsOutside(p, pTab, &nKey);
    if( pTab->nFk==2 && nOut==0 ) continue;          /* a link table         */
    if( ormArenaGrow(pArena, (void**)paz, n, &nAlloc, sizeof(char*)) ){
      (*paz)[n++] = ormArenaText(pArena, pTab->zName, -1);
    }
  }
  ormArenaFree(&p->arena);
  return pErr->rc ? 0 : n;
}

static void reflectJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  Reflect *p = (Reflect*)pArg;
  p->pOrm = pOrm;
  p->pErr = pErr;
  p->ppLast = &p->pEdge;
  ormArenaInit(&p->arena, pErr);
  parseOptions(p);
  checkNames(p, p->pTables);
  checkNames(p, p->pExcept);
  ormStateEnsure(pOrm, pErr);
  collectTables(p);
  p->pMap = ormTableMapNew(pOrm, &p->arena);
  for(int i=0; i<p->nTable; i++) reflectModel(p, &p->aTable[i]);
  readModels(p);
  if( pErr->rc==SQLITE_OK ){
    addToOnes(p);
    addToManys(p);
    addLinks(p);
  }
  for(int i=0; i<p->nTable; i++) readExisting(p, &p->aTable[i]);
  for(Edge *pEdge=p->pEdge; pEdge; pEdge=pEdge->pNext) giveName(p, pEdge);
  for(Edge *pEdge=p->pEdge; pEdge; pEdge=pEdge->pNext) edgeInsert(p, pEdge);
  ormCatalogUnpin(pOrm, p->pCatalog);
  p->pCatalog = 0;
  ormArenaFree(&p->arena);
}

/* orm_reflect(): the number of models that the tables have.  zOptions may be
** 0: all tables. */
i64 ormReflect(Orm *pOrm, OrmErr *pErr, const char *zOptions, i64 nOptions){
  Reflect reflect;
  memset(&reflect, 0, sizeof(reflect));
  reflect.zOptions = zOptions;
  reflect.nOptions = nOptions;
  ormAnchorRun(pOrm, pErr, reflectJob, &reflect);
  return reflect.nModel;
}
