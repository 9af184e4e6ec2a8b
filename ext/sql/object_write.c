/*
** orm_object for writing: INSERT creates, INSERT OR REPLACE saves, UPDATE of
** object changes, DELETE deletes, each with all that hangs on it.
**
** Codes.  SQLite gives OR FAIL and OR ROLLBACK their meaning only for the plain
** code SQLITE_CONSTRAINT, and swallows just that under OR IGNORE.  So: with the
** former two a constraint failure loses its extended code, and under OR IGNORE
** SQLITE_CONSTRAINT means "passed over" and any failure is SQLITE_ERROR.
*/
#include "object.h"

typedef struct Row Row;
struct Row {                    /* what the statement says about a row        */
  OrmObjectTab *pTab;
  OrmErr *pErr;
  OrmArena *pArena;
  int eConflict;                /* SQLITE_ROLLBACK ..                         */
  sqlite3_value **apCol;        /* the columns; 0: DELETE                     */
  const OrmJson *pPk;           /* the old row: model and key, or 0           */
};

static const char *valueText(OrmErr *pErr, sqlite3_value *pVal, i64 *pn){
  const char *z = (const char*)sqlite3_value_text(pVal);
  *pn = sqlite3_value_bytes(pVal);
  if( z==0 && sqlite3_value_type(pVal)!=SQLITE_NULL ) ormErrOom(pErr);
  return z;
}

/* Is there a value in a column of a new row? */
static int isGiven(const Row *p, int iCol){
  return sqlite3_value_type(p->apCol[iCol])!=SQLITE_NULL;
}

/* ------------------------------------------------------------------------
** INSERT
** --------------------------------------------------------------------- */

static void insertRow(Row *p, OrmWrite *pWrite){
  pWrite->zModel = valueText(p->pErr, p->apCol[ORM_OBJECT_MODEL],
                             &pWrite->nModel);
  pWrite->zObject = valueText(p->pErr, p->apCol[ORM_OBJECT_OBJECT],
                              &pWrite->nObject);
  if( pWrite->zModel==0 ){
    ormErr(p->pErr, SQLITE_ERROR, "orm: INSERT INTO orm_object needs a model");
  }else if( pWrite->zObject==0 ){
    ormErr(p->pErr, SQLITE_ERROR, "orm: INSERT INTO orm_object needs an"
           " object");
  }else if( isGiven(p, ORM_OBJECT_QUERY) || isGiven(p, ORM_OBJECT_CURSOR) ){
    ormErr(p->pErr, SQLITE_ERROR, "orm: query and cursor cannot be written");
  }
  if( isGiven(p, ORM_OBJECT_KEY) ) pWrite->pKey = p->apCol[ORM_OBJECT_KEY];
  pWrite->eMany = ORM_WRITE_EITHER;
  pWrite->eMode = p->eConflict==SQLITE_REPLACE ? ORM_WRITE_SAVE
                : p->eConflict==SQLITE_IGNORE ? ORM_WRITE_IGNORE
                : ORM_WRITE_CREATE;
  ormWrite(p->pTab->pOrm, p->pErr, pWrite);
}

/* ------------------------------------------------------------------------
** UPDATE and DELETE: which row
** --------------------------------------------------------------------- */

/* The old row's key ["Model", values..]; 0 and an error if the statement did
** not say which objects it is about. */
static int readPk(Row *p, sqlite3_value *pVal){
  i64 n;
  const char *z = valueText(p->pErr, pVal, &n);
  if( n==0 ){
    ormErr(p->pErr, SQLITE_ERROR, "orm: %s orm_object needs a key or a query:"
           " WHERE model = .. AND key = ..",
           p->apCol ? "UPDATE" : "DELETE FROM");
    return 0;
  }
  z = ormArenaText(p->pArena, z, n);
  p->pPk = z ? ormJsonParse(p->pArena, z, n, "_pk") : 0;
  return p->pPk!=0;
}

/* The values of the key as a JSON array. */
static const char *keyArray(Row *p){
  OrmBuf buf;
  const char *z;
  ormBufInit(&buf, p->pErr);
  for(const OrmJson *pVal=p->pPk->pChild->pNext; pVal; pVal=pVal->pNext){
    ormBufChar(&buf, buf.n ? ',' : '[');
    ormJsonNode(&buf, pVal);
  }
  ormBufChar(&buf, ']');
  z = ormArenaText(p->pArena, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return z;
}

/* The key as a value in a statement "SELECT ?1" that stands on its row. */
static OrmStmt *keyValue(Row *p, OrmModel *pModel){
  Orm *pOrm = p->pTab->pOrm;
  OrmBinds binds = { p->pArena, 0, 0, 0 };
  OrmBinds one = { p->pArena, 0, 0, 0 };
  OrmKeyRef key;
  const char *z = keyArray(p);
  const OrmJson *pKey = 0;
  OrmStmt *pStmt;
  if( z ) pKey = ormJsonParse(p->pArena, z, (i64)strlen(z), "_pk");
  if( pKey==0 || !ormKeyFromJson(pOrm, &key, &binds, pModel, pKey) ) return 0;
  if( pModel->nKey==1 ) ormBindCopy(&one, &binds.a[key.iBind]);
  else ormBindText(&one, z, -1);
  pStmt = ormStmtTakeQuiet(pOrm, p->pErr, "SELECT ?1");
  ormBindAll(p->pErr, pStmt, 1, &one);
  ormStmtStep(pOrm, p->pErr, pStmt);
  return pStmt;
}

/* An UPDATE may set the key to what it is. */
static void checkSame(Row *p, sqlite3_value *pOld){
  sqlite3_value *pNew = p->apCol[ORM_OBJECT_KEY];
  const char *zOld, *zNew;
  if( sqlite3_value_nochange(pNew) ) return;
  zNew = (const char*)sqlite3_value_text(pNew);
  zOld = (const char*)sqlite3_value_text(pOld);
  if( zNew && zOld && strcmp(zNew, zOld)==0 ) return;
  ormErr(p->pErr, SQLITE_ERROR, "orm: key of orm_object cannot be updated: put"
         " the key into the object");
}

/* Does an UPDATE give a value to what says which objects it is about?  Before
** 3.41 or so an UPDATE .. FROM passes every column as if it were set, model
** among them. */
static int setsArgument(const Row *p){
  return sqlite3_value_nochange(p->apCol[ORM_OBJECT_MODEL])
      && (!sqlite3_value_nochange(p->apCol[ORM_OBJECT_QUERY])
       || !sqlite3_value_nochange(p->apCol[ORM_OBJECT_CURSOR]));
}

static void updateRow(Row *p, OrmWrite *pWrite, sqlite3_value *pKey){
  const OrmJson *pModel = p->pPk->pChild;
  sqlite3_value *pNewModel = p->apCol[ORM_OBJECT_MODEL];
  pWrite->eMode = ORM_WRITE_UPDATE;
  pWrite->zModel = pModel->z;
  pWrite->nModel = pModel->n;
  pWrite->pKey = pKey;
  checkSame(p, pKey);
  if( setsArgument(p) ){
    ormErr(p->pErr, SQLITE_ERROR, "orm: query and cursor of orm_object cannot"
           " be updated");
  }
  if( !sqlite3_value_nochange(pNewModel) ){
    const char *z = (const char*)sqlite3_value_text(pNewModel);
    if( z==0 || strcmp(z, pModel->z)!=0 ){
      ormErr(p->pErr, SQLITE_ERROR, "orm: model of orm_object cannot be"
             " updated");
    }
  }
  if( sqlite3_value_nochange(p->apCol[ORM_OBJECT_OBJECT]) ) return;
  pWrite->zObject = valueText(p->pErr, p->apCol[ORM_OBJECT_OBJECT],
                              &pWrite->nObject);
  if( pWrite->zObject==0 ){
    ormErr(p->pErr, SQLITE_ERROR, "orm: object cannot be NULL");
  }
  ormWrite(p->pTab->pOrm, p->pErr, pWrite);
}

/* A row that a query found and no key can. */
static void checkKey(Row *p, const OrmModel *pModel){
  struct OrmBind a[ORM_MAX_KEY];
  const OrmJson *q = p->pPk->pChild->pNext;
  memset(a, 0, sizeof(a));
  for(int i=0; q; i++, q=q->pNext){
    assert( i<ORM_MAX_KEY );
    a[i].eType = q->eType==ORM_JSON_NULL ? SQLITE_NULL : SQLITE_TEXT;
  }
  ormKeysNotNull(p->pErr, pModel, 1, a);
}

/* UPDATE or (apCol is 0) DELETE of the row pPk. */
static void changeRow(Row *p, OrmWrite *pWrite){
  Orm *pOrm = p->pTab->pOrm;
  const OrmJson *pName = p->pPk->pChild;
  OrmCatalog *pCatalog = ormCatalogPin(pOrm, p->pErr);
  OrmModel *pModel = pCatalog==0 ? 0
      : ormModelFind(pOrm, p->pErr, pCatalog, pName->z, pName->n);
  OrmStmt *pStmt;
  if( pModel ) checkKey(p, pModel);
  pStmt = pModel ? keyValue(p, pModel) : 0;
  ormCatalogUnpin(pOrm, pCatalog);
  if( pStmt && p->pErr->rc==SQLITE_OK ){
    sqlite3_value *pKey = sqlite3_column_value(pStmt->p, 0);
    if( p->apCol ) updateRow(p, pWrite, pKey);
    else ormDelete(pOrm, p->pErr, pName->z, pName->n, pKey);
  }
  ormStmtGive(pOrm, p->pErr, pStmt);
}

/* The common case, an object whose key is one integer: ["User",1] needs no
** tree, and the key no statement to stand in.  1: done. */
static int updatePlain(Row *p, OrmWrite *pWrite, sqlite3_value *pPk){
  i64 n;
  const char *z = valueText(p->pErr, pPk, &n);
  const char *zModel, *zQuote;
  struct OrmBind key;
  OrmJson node;
  if( n<6 || !sqlite3_value_nochange(p->apCol[ORM_OBJECT_KEY])
   || !sqlite3_value_nochange(p->apCol[ORM_OBJECT_MODEL])
   || sqlite3_value_nochange(p->apCol[ORM_OBJECT_OBJECT])
   || setsArgument(p) ) return 0;
  assert( z[0]=='[' && z[1]=='"' );
  zModel = z + 2;
  zQuote = memchr(zModel, '"', (size_t)(n - 2));
  assert( zQuote );
  if( memchr(zModel, '\\', (size_t)(zQuote - zModel))
   || !(zQuote[2]=='-' || (zQuote[2]>='0' && zQuote[2]<='9'))
   || ormJsonScalar(p->pArena, zQuote+2, z+n-1, &node)!=z+n-1
   || node.eType!=ORM_JSON_INTEGER ) return 0;
  memset(&key, 0, sizeof(key));
  key.eType = SQLITE_INTEGER;
  key.u.i = node.u.i;
  pWrite->eMode = ORM_WRITE_UPDATE;
  pWrite->zModel = zModel;
  pWrite->nModel = zQuote - zModel;
  pWrite->aKey = &key;
  pWrite->zObject = valueText(p->pErr, p->apCol[ORM_OBJECT_OBJECT],
                              &pWrite->nObject);
  if( pWrite->zObject==0 ){
    ormErr(p->pErr, SQLITE_ERROR, "orm: object cannot be NULL");
  }
  ormWrite(p->pTab->pOrm, p->pErr, pWrite);
  pWrite->aKey = 0;
  return 1;
}

/* ------------------------------------------------------------------------
** xUpdate
** --------------------------------------------------------------------- */

/* The code that makes SQLite do what the OR clause says. */
static int resultCode(const Row *p, const OrmWrite *pWrite){
  int rc = p->pErr->rc;
  if( p->eConflict==SQLITE_IGNORE ){
    if( pWrite->bConflict && (rc & 0xff)==SQLITE_CONSTRAINT ){
      ormErrClear(p->pErr);
      return SQLITE_CONSTRAINT;
    }
    if( rc==SQLITE_OK && pWrite->nRoot==0 && pWrite->nPassed>0 ){
      return SQLITE_CONSTRAINT;
    }
    return (rc & 0xff)==SQLITE_CONSTRAINT ? SQLITE_ERROR : rc;
  }
  return rc;
}

int ormObjectUpdate(
  sqlite3_vtab *pVtab, int argc, sqlite3_value **argv, sqlite3_int64 *piRowid
){
  OrmErr err = { SQLITE_OK, 0 };
  OrmArena arena;
  OrmWrite write;
  Row row;
  int rc;
  memset(&write, 0, sizeof(write));
  memset(&row, 0, sizeof(row));
  ormArenaInit(&arena, &err);
  row.pTab = (OrmObjectTab*)pVtab;
  row.pErr = &err;
  row.pArena = &arena;
  row.eConflict = sqlite3_vtab_on_conflict(row.pTab->pOrm->db);
  if( argc>1 ) row.apCol = &argv[2];
  if( argc>1 && sqlite3_value_type(argv[0])==SQLITE_NULL ){
    insertRow(&row, &write);
    *piRowid = sqlite3_last_insert_rowid(row.pTab->pOrm->db);
  }else if( row.apCol==0 || !updatePlain(&row, &write, argv[0]) ){
    if( readPk(&row, argv[0]) ) changeRow(&row, &write);
  }
  rc = resultCode(&row, &write);
  ormArenaFree(&arena);
  if( err.rc ) ormErrVtab(&err, pVtab);
  return rc;
}
