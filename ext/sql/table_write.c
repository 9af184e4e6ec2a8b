/*
** Writing a model table: INSERT, UPDATE and DELETE are ORM's writes, with all
** that hangs on the object.
**
** The columns of a row become a document: what an INSERT gives (a NULL counts
** as nothing, SQLite does not tell the two apart), what an UPDATE sets.  Blobs,
** and texts whose bytes matter, go beside the document as they are.
**
** Before 3.41 or so an UPDATE .. FROM passes every column as if it were set:
** the argument of the table, which nobody sets, gives it away.  Then fields are
** written (as what they were, which writes nothing), and of the others only
** what is not NULL.
**
** Codes: see object_write.c.
*/
#include "table.h"

typedef struct Row Row;
struct Row {
  OrmModelTable *pTab;
  const OrmTableShape *p;
  OrmErr *pErr;
  OrmArena *pArena;
  int eConflict;                /* SQLITE_ROLLBACK ..                         */
  u8 bInsert;
  u8 bAllGiven;                 /* an UPDATE .. FROM that passes all columns  */
  sqlite3_value **apCol;
  OrmBuf doc;
  int *aRaw; sqlite3_value **apRaw; int nRaw;
};

static int isNull(sqlite3_value *p){
  return sqlite3_value_type(p)==SQLITE_NULL;
}

/* Does the statement give the column a value? */
static int isGiven(const Row *r, int iCol){
  sqlite3_value *pVal = r->apCol[iCol];
  if( r->bInsert ) return !isNull(pVal);
  if( sqlite3_value_nochange(pVal) ) return 0;
  return !r->bAllGiven || r->p->aCol[iCol].eKind==ORM_TABLE_FIELD
      || !isNull(pVal);
}

static void cannotWrite(Row *r, int iCol, const char *zWhy){
  ormErr(r->pErr, SQLITE_ERROR, "orm: %s.%s cannot be written%s",
         r->pTab->zModel, r->p->aCol[iCol].zName, zWhy);
}

/* ---------------------------------------------------------- the document -- */

static void addKey(Row *r, const char *zName){
  ormBufChar(&r->doc, r->doc.n ? ',' : '{');
  ormJsonString(&r->doc, zName, (i64)strlen(zName));
  ormBufChar(&r->doc, ':');
}

/* May the value stand in the document, or would it not come out the same? */
static int isRaw(const OrmField *pField, sqlite3_value *pVal){
  switch( sqlite3_value_type(pVal) ){
    case SQLITE_BLOB: return 1;
    case SQLITE_TEXT: return pField->eType==ORM_TYPE_BLOB
                          || pField->eType==ORM_TYPE_JSON;
    default:          return 0;
  }
}

static int isJson(Row *r, sqlite3_value *pVal){
  const char *z = (const char*)sqlite3_value_text(pVal);
  if( z==0 ) ormErrOom(r->pErr);
  return z && ormJsonValid(z, sqlite3_value_bytes(pVal));
}

static void addField(Row *r, int iCol){
  int iField = r->p->aCol[iCol].iField;
  const OrmField *pField = &r->p->pModel->aField[iField];
  sqlite3_value *pVal = r->apCol[iCol];
  if( isRaw(pField, pVal) ){
    if( pField->eType==ORM_TYPE_JSON
     && sqlite3_value_type(pVal)==SQLITE_TEXT && !isJson(r, pVal) ){
      ormErr(r->pErr, SQLITE_ERROR, "orm: $.%s: %s is json, not \"%.60s\"",
             pField->zName, pField->zName, sqlite3_value_text(pVal));
    }
    r->aRaw[r->nRaw] = iField;
    r->apRaw[r->nRaw++] = pVal;
  }else{
    addKey(r, pField->zName);
    ormJsonValue(&r->doc, pVal, ORM_TYPE_ANY);
  }
}

/* A relationship: JSON as it is; for a to-one any other text is a key. */
static void addRelation(Row *r, int iCol){
  const OrmRel *pRel = r->p->aCol[iCol].pRel;
  sqlite3_value *pVal = r->apCol[iCol];
  addKey(r, pRel->zName);
  if( sqlite3_value_type(pVal)==SQLITE_TEXT && isJson(r, pVal) ){
    ormBufAdd(&r->doc, (const char*)sqlite3_value_text(pVal),
              sqlite3_value_bytes(pVal));
  }else{
    ormJsonValue(&r->doc, pVal, ORM_TYPE_ANY);
  }
}

static void addColumn(Row *r, int iCol){
  const OrmTableColumn *pCol = &r->p->aCol[iCol];
  if( !isGiven(r, iCol) ) return;
  if( pCol->bGone ){
    ormErr(r->pErr, SQLITE_ERROR, "orm: column %s is no longer what it was when"
           " this table was opened: SELECT orm_init() opens it anew",
           pCol->zName);
    return;
  }
  switch( pCol->eKind ){
    case ORM_TABLE_FIELD:
    case ORM_TABLE_SECRET:   addField(r, iCol); break;
    case ORM_TABLE_RELATION: addRelation(r, iCol); break;
    case ORM_TABLE_TARGET:
      if( !r->bAllGiven ) cannotWrite(r, iCol, ": write the relationship");
      break;
    case ORM_TABLE_QUERY:    cannotWrite(r, iCol, ""); break;
    default: break;             /* key and object: by the caller              */
  }
}

/* The column object holds the whole document; it stands alone. */
static void objectDocument(Row *r, OrmWrite *pWrite, sqlite3_value *pObject){
  if( r->doc.n || r->nRaw ){
    ormErr(r->pErr, SQLITE_ERROR, "orm: the object of %s is written alone, not"
           " beside other columns", r->pTab->zModel);
    return;
  }
  pWrite->zObject = (const char*)sqlite3_value_text(pObject);
  pWrite->nObject = sqlite3_value_bytes(pObject);
  if( pWrite->zObject==0 ){
    ormErr(r->pErr, SQLITE_ERROR, "orm: object cannot be NULL");
  }
}

/* The document of the row. */
static void document(Row *r, OrmWrite *pWrite){
  int iObject = r->p->iObject;
  r->aRaw = ormArenaAlloc(r->pArena, (i64)sizeof(int)*(r->p->nCol + 1));
  r->apRaw = ormArenaAlloc(r->pArena, (i64)sizeof(void*)*(r->p->nCol + 1));
  if( r->apRaw==0 ) return;     /* the arena gives nothing after a failure    */
  for(int i=0; i<r->p->nCol && r->pErr->rc==SQLITE_OK; i++) addColumn(r, i);
  if( iObject>=0 && isGiven(r, iObject) && !r->bAllGiven ){
    objectDocument(r, pWrite, r->apCol[iObject]);
    return;
  }
  ormBufAdd(&r->doc, r->doc.n ? "}" : "{}", -1);
  pWrite->zObject = ormBufText(&r->doc);
  pWrite->nObject = r->doc.n;
  pWrite->nRaw = r->nRaw;
  pWrite->aRaw = r->aRaw;
  pWrite->apRaw = r->apRaw;
}

/* ------------------------------------------------------------ statements -- */

static void insertRow(Row *r, OrmWrite *pWrite, sqlite3_value *pRowid){
  document(r, pWrite);
  if( r->p->iKey>=0 ){
    if( isGiven(r, r->p->iKey) ) pWrite->pKey = r->apCol[r->p->iKey];
  }else if( !isNull(pRowid) ){
    pWrite->pKey = pRowid;
  }
  pWrite->eMode = r->eConflict==SQLITE_REPLACE ? ORM_WRITE_SAVE
                : r->eConflict==SQLITE_IGNORE ? ORM_WRITE_IGNORE
                : ORM_WRITE_CREATE;
  ormWrite(r->pTab->pOrm, r->pErr, pWrite);
}

/* Does an UPDATE set the key by another name than its field's? */
static void checkKey(Row *r, sqlite3_value *pOld, sqlite3_value *pNew){
  const char *zOld, *zNew;
  if( r->p->iKey<0 ){
    if( sqlite3_value_int64(pOld)==sqlite3_value_int64(pNew) ) return;
    addKey(r, r->p->pModel->aField[r->p->pModel->aKey[0]].zName);
    ormBufInt(&r->doc, sqlite3_value_int64(pNew));
    return;
  }
  pNew = r->apCol[r->p->iKey];
  if( sqlite3_value_nochange(pNew) ) return;
  zOld = (const char*)sqlite3_value_text(pOld);
  zNew = (const char*)sqlite3_value_text(pNew);
  if( zOld && zNew && strcmp(zOld, zNew)==0 ) return;
  cannotWrite(r, r->p->iKey, ": write the fields of the key");
}

static void updateRow(
  Row *r, OrmWrite *pWrite, sqlite3_value *pOld, sqlite3_value *pNew
){
  r->bAllGiven = r->p->iQuery>=0
              && !sqlite3_value_nochange(r->apCol[r->p->iQuery])
              && isNull(r->apCol[r->p->iQuery]);
  checkKey(r, pOld, pNew);
  document(r, pWrite);
  pWrite->eMode = ORM_WRITE_UPDATE;
  pWrite->pKey = pOld;
  ormWrite(r->pTab->pOrm, r->pErr, pWrite);
}

/* The code that makes SQLite do what the OR clause says. */
static int resultCode(const Row *r, const OrmWrite *pWrite){
  int rc = r->pErr->rc;
  if( r->eConflict==SQLITE_IGNORE ){
    if( pWrite->bConflict ){
      ormErrClear(r->pErr);
      return SQLITE_CONSTRAINT;
    }
    if( rc==SQLITE_OK && r->bInsert && pWrite->nRoot==0 ){
      return SQLITE_CONSTRAINT;
    }
    return (rc & 0xff)==SQLITE_CONSTRAINT ? SQLITE_ERROR : rc;
  }
  return rc;
}

static void writeRow(
  Row *r, OrmWrite *pWrite, int argc, sqlite3_value **argv, i64 *piRowid
){
  Orm *pOrm = r->pTab->pOrm;
  pWrite->zModel = r->pTab->zModel;
  pWrite->nModel = (i64)strlen(r->pTab->zModel);
  if( argc==1 && isNull(argv[0]) ){
    ormErr(r->pErr, SQLITE_CONSTRAINT_NOTNULL, "orm: the key of some %s is"
        " NULL: no key tells it, so it can be neither changed nor deleted",
        pWrite->zModel);
  }else if( argc==1 ){
    ormDelete(pOrm, r->pErr, pWrite->zModel, pWrite->nModel, argv[0]);
  }else if( isNull(argv[0]) ){
    r->bInsert = 1;
    insertRow(r, pWrite, argv[1]);
    *piRowid = pWrite->bRowid ? pWrite->iRowid
                              : sqlite3_last_insert_rowid(pOrm->db);
  }else{
    updateRow(r, pWrite, argv[0], argv[1]);
  }
}

int ormTableUpdate(
  sqlite3_vtab *pVtab, int argc, sqlite3_value **argv, sqlite3_int64 *piRowid
){
  OrmErr err = { SQLITE_OK, 0 };
  OrmArena arena;
  OrmWrite write;
  OrmTableShape *pShape;
  Row r;
  int rc;
  memset(&write, 0, sizeof(write));
  memset(&r, 0, sizeof(r));
  r.pTab = (OrmModelTable*)pVtab;
  r.pErr = &err;
  r.pArena = &arena;
  r.eConflict = sqlite3_vtab_on_conflict(r.pTab->pOrm->db);
  r.apCol = argc>1 ? &argv[2] : 0;
  ormArenaInit(&arena, &err);
  ormBufInit(&r.doc, &err);
  pShape = ormTableShape(r.pTab, &err, 0);
  if( pShape ){
    pShape->nRef++;
    r.p = pShape;
    writeRow(&r, &write, argc, argv, piRowid);
  }
  rc = resultCode(&r, &write);
  ormTableShapeUnref(pShape);
  ormBufFree(&r.doc);
  ormArenaFree(&arena);
  if( err.rc ) ormErrVtab(&err, pVtab);
  return rc;
}
