/*
** CREATE TABLE and CREATE INDEX taken apart; see ddl.h.
**
** The text is either what sqlite_schema holds, which SQLite has parsed before
** (though a hostile file may call a view a table), or was just made from a
** document; so this reads what is valid and gives up (0) on all else.
** Statements are cut into tokens once; a piece of SQL is a range of them.
*/
#include "ddl.h"

enum { TK_END, TK_WORD, TK_QUOTED, TK_STRING, TK_OTHER };

typedef struct Token Token;
struct Token {
  u8 eType;
  u8 bSpace;                    /* white space or a comment stood before it   */
  int n;
  int nDepth;                   /* of parentheses around it                   */
  const char *z;
};

typedef struct Parser Parser;
struct Parser {
  OrmArena *pArena;
  Token *a;                     /* ends with TK_END                           */
  int n, nAlloc;
  OrmDdl *pDdl;
  const char *zTable;           /* its name, or 0                             */
  int iOrigin;                  /* of the clauses that are added              */
};

/* ------------------------------------------------------------------------
** Tokens
*/
static int isWordChar(char c){
  return (c>='a' && c<='z') || (c>='A' && c<='Z') || (c>='0' && c<='9')
      || c=='_' || c=='$' || (c & 0x80);
}

static int isNumber(const char *z){
  if( *z=='.' ) z++;
  return *z>='0' && *z<='9';
}

/* Bytes of white space and comments at z. */
static int skipSpace(const char *z){
  int n = 0;
  for(;;){
    if( z[n]==' ' || (z[n]>='\t' && z[n]<='\r') ){
      n++;
    }else if( z[n]=='-' && z[n+1]=='-' ){
      while( z[n] && z[n]!='\n' ) n++;
    }else if( z[n]=='/' && z[n+1]=='*' ){
      n += 2;
      while( z[n] && !(z[n]=='*' && z[n+1]=='/') ) n++;
      if( z[n] ) n += 2;
    }else{
      return n;
    }
  }
}

/* Bytes of a quoted thing that ends with c, doubled inside (but ]); 0 if it
** does not end. */
static int quotedLength(const char *z, char c){
  int n = 1;
  while( z[n] ){
    if( z[n++]!=c ) continue;
    if( c==']' || z[n]!=c ) return n;
    n++;
  }
  return 0;
}

/* The token at z: type and length; length 0 at the end or if there is none. */
static int tokenAt(const char *z, u8 *peType){
  int n = 1;
  *peType = TK_OTHER;
  switch( *z ){
    case 0:
      *peType = TK_END;
      return 0;
    case '\'':
      *peType = TK_STRING;
      return quotedLength(z, '\'');
    case '"': case '`':
      *peType = TK_QUOTED;
      return quotedLength(z, *z);
    case '[':
      *peType = TK_QUOTED;
      return quotedLength(z, ']');
  }
  if( !isWordChar(*z) && !isNumber(z) ) return 1;
  *peType = TK_WORD;
  if( isNumber(z) ){
    while( isWordChar(z[n]) || z[n]=='.'
        || ((z[n]=='+' || z[n]=='-') && (z[n-1]|32)=='e' && z[1]!='x') ) n++;
  }else if( (*z|32)=='x' && z[1]=='\'' ){
    *peType = TK_STRING;
    n = quotedLength(z+1, '\'');
    return n ? n+1 : 0;
  }else{
    while( isWordChar(z[n]) ) n++;
  }
  return n;
}

/* Cut the text into tokens; 0 if it cannot be. */
static int tokenize(Parser *p, const char *z){
  int nDepth = 0;
  for(;;){
    int nSpace = skipSpace(z);
    u8 eType;
    int n;
    Token *pTok = ormArenaGrow(p->pArena, (void**)&p->a, p->n, &p->nAlloc,
                               sizeof(Token));
    if( pTok==0 ) return 0;
    z += nSpace;
    n = tokenAt(z, &eType);
    pTok->eType = eType;
    pTok->bSpace = nSpace>0;
    pTok->z = z;
    pTok->n = n;
    if( eType==TK_OTHER && *z==')' ) nDepth--;
    pTok->nDepth = nDepth;
    if( eType==TK_OTHER && *z=='(' ) nDepth++;
    if( eType==TK_END ) return nDepth==0;
    if( n==0 || nDepth<0 ) return 0;
    p->n++;
    z += n;
  }
}

static int isWord(const Token *p, const char *zWord){
  return p->eType==TK_WORD && (int)strlen(zWord)==p->n
      && sqlite3_strnicmp(p->z, zWord, p->n)==0;
}

static int isPunct(const Token *p, char c){
  return p->eType==TK_OTHER && p->z[0]==c;
}

/* One of a list of words that ends with 0: its number, or -1. */
static int wordIn(const Token *p, const char *const *azWord){
  for(int i=0; azWord[i]; i++) if( isWord(p, azWord[i]) ) return i;
  return -1;
}

/* The name that a token is, without its quotes. */
static const char *tokenName(Parser *p, const Token *pTok){
  char *z;
  if( pTok->eType==TK_END || pTok->eType==TK_OTHER ) return 0;
  z = ormArenaText(p->pArena, pTok->z, pTok->n);
  if( z && pTok->eType!=TK_WORD ) ormUnquote(z);
  return z;
}

/* The text of tokens i.. before iEnd as written, one blank where space was. */
static const char *rangeText(Parser *p, int i, int iEnd){
  OrmBuf buf;
  const char *z;
  ormBufInit(&buf, p->pArena->pErr);
  for(int iFirst=i; i<iEnd; i++){
    if( i>iFirst && p->a[i].bSpace ) ormBufChar(&buf, ' ');
    ormBufAdd(&buf, p->a[i].z, p->a[i].n);
  }
  z = ormArenaText(p->pArena, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return z ? z : "";
}

/* Is the token the name of the table before a column of it, as CHECK(t.a > 0)
** has it?  Then it and the dot say nothing. */
static int isQualifier(Parser *p, int i){
  const char *z;
  if( p->zTable==0 || i+1>=p->n || !isPunct(&p->a[i+1], '.')
   || p->a[i].eType==TK_STRING ) return 0;
  z = tokenName(p, &p->a[i]);
  return z && sqlite3_stricmp(z, p->zTable)==0;
}

/* Add tokens in canonical wording: names and words in lower case, bare. */
static void addCanonical(Parser *p, OrmBuf *pBuf, int i, int iEnd){
  for(; i<iEnd; i++){
    if( isQualifier(p, i) ) i += 2;
    const Token *pTok = &p->a[i];
    const char *z = pTok->z;
    int n = pTok->n;
    if( pBuf->n ) ormBufChar(pBuf, ' ');
    if( pTok->eType==TK_QUOTED ){
      z = tokenName(p, pTok);
      n = z ? (int)strlen(z) : 0;
    }
    for(int j=0; j<n; j++){
      char c = z[j];
      if( pTok->eType!=TK_STRING && c>='A' && c<='Z' ) c = (char)(c | 32);
      ormBufChar(pBuf, c);
    }
  }
}

static const char *canonicalText(Parser *p, OrmBuf *pBuf){
  const char *z = ormArenaText(p->pArena, ormBufText(pBuf), pBuf->n);
  ormBufFree(pBuf);
  return z ? z : "";
}

static const char *rangeCanonical(Parser *p, int i, int iEnd){
  OrmBuf buf;
  ormBufInit(&buf, p->pArena->pErr);
  addCanonical(p, &buf, i, iEnd);
  return canonicalText(p, &buf);
}

/* ------------------------------------------------------------------------
** Clauses
*/
static void addClause(Parser *p, int eKind, int iColumn, const char *zText){
  OrmDdl *pDdl = p->pDdl;
  OrmDdlClause *pNew = ormArenaGrow(p->pArena, (void**)&pDdl->aClause,
                     pDdl->nClause, &pDdl->nClauseAlloc, sizeof(*pNew));
  if( pNew==0 ) return;
  pNew->eKind = eKind;
  pNew->iColumn = iColumn;
  pNew->iOrigin = p->iOrigin;
  pNew->zText = zText;
  pDdl->nClause++;
}

/* The token after the parenthesis that opens at i. */
static int closeParen(const Parser *p, int i){
  int nDepth = p->a[i].nDepth;
  for(i++; p->a[i].eType!=TK_END; i++){
    if( isPunct(&p->a[i], ')') && p->a[i].nDepth==nDepth ) return i+1;
  }
  return i;
}

/* REFERENCES at i: its actions in one order, what goes without saying left
** out.  Ends before iEnd. */
static void addReferences(Parser *p, int i, int iEnd, int iColumn,
                          const char *zFrom){
  const char *azOn[2] = { "", "" };
  int bDeferred = 0, iName = i+1;
  int iTo = iName+1;
  OrmBuf buf;
  if( iTo<iEnd && isPunct(&p->a[iTo], '(') ) iTo = closeParen(p, iTo);
  for(i=iTo; i<iEnd; i++){
    if( isWord(&p->a[i], "on") && i+2<iEnd ){
      int iAction = i+2;
      int bTwo = isWord(&p->a[iAction], "set") || isWord(&p->a[iAction], "no");
      int iOn = isWord(&p->a[i+1], "delete") ? 0 : 1;
      azOn[iOn] = isWord(&p->a[iAction], "no") ? ""
                : rangeCanonical(p, i, iAction + 1 + bTwo);
    }else if( isWord(&p->a[i], "initially") && i+1<iEnd ){
      bDeferred = isWord(&p->a[i+1], "deferred");
    }
  }
  ormBufInit(&buf, p->pArena->pErr);
  ormBufAdd(&buf, zFrom, -1);
  addCanonical(p, &buf, iName-1, iTo);
  for(int j=0; j<2; j++){
    if( azOn[j][0] ) ormBufPrintf(&buf, " %s", azOn[j]);
  }
  if( bDeferred ) ormBufAdd(&buf, " deferred", -1);
  addClause(p, ORM_DDL_REFERENCES, iColumn, canonicalText(p, &buf));
}

static const char *const azStart[] = {
  "constraint", "primary", "not", "null", "unique", "check", "default",
  "collate", "references", "generated", "as", "deferrable", 0
};

/* Does a clause of a column begin at i, the clause before being iOpen.. ? */
static int clauseStarts(const Parser *p, int i){
  if( wordIn(&p->a[i], azStart)<0 ) return 0;
  if( isWord(&p->a[i-1], "set") ) return 0;      /* SET NULL, SET DEFAULT   */
  if( isWord(&p->a[i-1], "not") ) return 0;      /* NOT NULL, NOT DEFERRABLE */
  if( isWord(&p->a[i], "as") && isWord(&p->a[i-1], "always") ) return 0;
  return 1;
}

/* The end of the clause that starts at i. */
static int clauseEnd(const Parser *p, int i, int iEnd){
  int nDepth = p->a[i].nDepth;
  if( isWord(&p->a[i], "constraint") ) return i+2<iEnd ? i+2 : iEnd;
  if( isWord(&p->a[i], "default") && i+1<iEnd ){
    i++;
    if( isPunct(&p->a[i], '+') || isPunct(&p->a[i], '-') ) i++;
    else if( isPunct(&p->a[i], '(') ) return closeParen(p, i);
    return i+1<iEnd ? i+1 : iEnd;
  }
  for(i++; i<iEnd; i++){
    if( p->a[i].nDepth==nDepth && clauseStarts(p, i) ){
      if( !isWord(&p->a[i], "deferrable")
       && !(isWord(&p->a[i], "not") && isWord(&p->a[i+1], "deferrable")) ){
        return i;
      }
    }
  }
  return iEnd;
}

/* A clause that is kept as it is, after its kind's own words. */
static void addPlain(Parser *p, int eKind, int i, int iEnd, int iColumn){
  addClause(p, eKind, iColumn, rangeCanonical(p, i, iEnd));
}

/* GENERATED ALWAYS AS (..) or AS (..): the expression and how it is kept. */
static void addGenerated(Parser *p, int i, int iEnd, int iColumn){
  OrmBuf buf;
  int iTo;
  while( i<iEnd && !isPunct(&p->a[i], '(') ) i++;
  if( i>=iEnd ) return;
  iTo = closeParen(p, i);
  ormBufInit(&buf, p->pArena->pErr);
  ormBufAdd(&buf, "as", 2);
  addCanonical(p, &buf, i, iTo);
  ormBufAdd(&buf, iTo<iEnd && isWord(&p->a[iTo], "stored") ? " stored"
                                                           : " virtual", -1);
  addClause(p, ORM_DDL_GENERATED, iColumn, canonicalText(p, &buf));
}

static void addKey(Parser *p, int iColumn){
  OrmDdl *pDdl = p->pDdl;
  int *pi = ormArenaGrow(p->pArena, (void**)&pDdl->aKey, pDdl->nKey,
                         &pDdl->nKeyAlloc, sizeof(int));
  if( pi==0 ) return;
  *pi = iColumn;
  pDdl->nKey++;
}

/* The value of DEFAULT from i on if it is a lone word: a text to SQLite, but
** for those that are values. */
static const char *defaultWord(Parser *p, int i, int iEnd){
  static const char *const azValue[] = {
    "true", "false", "null", "current_date", "current_time",
    "current_timestamp", 0
  };
  const Token *pTok = &p->a[i];
  const char *z;
  if( i+1!=iEnd || pTok->eType==TK_STRING || isNumber(pTok->z)
   || wordIn(pTok, azValue)>=0 ) return 0;
  z = tokenName(p, pTok);
  return z ? ormArenaPrintf(p->pArena, "%Q", z) : 0;
}

static void addDefault(Parser *p, int i, int iEnd, int iColumn){
  OrmDdlColumn *pColumn = &p->pDdl->aColumn[iColumn];
  const char *zWord = defaultWord(p, i+1, iEnd);
  if( iEnd==i+2 && isWord(&p->a[i+1], "null") ) return;
  pColumn->zDefault = zWord ? zWord : rangeText(p, i+1, iEnd);
  addClause(p, ORM_DDL_DEFAULT, iColumn,
      zWord ? ormArenaPrintf(p->pArena, "default %s", zWord)
            : rangeCanonical(p, i, iEnd));
}

static void columnClause(Parser *p, int i, int iEnd, int iColumn){
  const Token *pTok = &p->a[i];
  if( isWord(pTok, "primary") ){
    int iRest = i+2;
    if( iRest<iEnd && isWord(&p->a[iRest], "asc") ) iRest++;
    for(int j=i; j<iEnd; j++){
      if( isWord(&p->a[j], "autoincrement") ) p->pDdl->bAutoincrement = 1;
    }
    addClause(p, ORM_DDL_PRIMARY, iColumn, rangeCanonical(p, iRest, iEnd));
    addKey(p, iColumn);
  }else if( isWord(pTok, "not") ){
    addPlain(p, ORM_DDL_NOT_NULL, i, iEnd, iColumn);
  }else if( isWord(pTok, "unique") ){
    addPlain(p, ORM_DDL_UNIQUE, i, iEnd, iColumn);
  }else if( isWord(pTok, "check") ){
    addPlain(p, ORM_DDL_CHECK, i, iEnd, -1);
  }else if( isWord(pTok, "default") ){
    addDefault(p, i, iEnd, iColumn);
  }else if( isWord(pTok, "collate") ){
    addPlain(p, ORM_DDL_COLLATE, i, iEnd, iColumn);
  }else if( isWord(pTok, "references") ){
    addReferences(p, i, iEnd, iColumn, "");
  }else if( isWord(pTok, "generated") || isWord(pTok, "as") ){
    addGenerated(p, i, iEnd, iColumn);
  }
}

/* ------------------------------------------------------------------------
** Columns and constraints of a table
*/
static void addColumn(Parser *p, int i, int iEnd){
  OrmDdl *pDdl = p->pDdl;
  OrmDdlColumn *pNew = ormArenaGrow(p->pArena, (void**)&pDdl->aColumn,
                       pDdl->nColumn, &pDdl->nColumnAlloc, sizeof(*pNew));
  int iColumn = pDdl->nColumn;
  int iType = i+1;
  if( pNew==0 ) return;
  pNew->zName = pNew->zWas = tokenName(p, &p->a[i]);
  pNew->zDef = rangeText(p, i+1, iEnd);
  if( pNew->zName==0 ) return;
  pDdl->nColumn++;
  for(i=iType; i<iEnd && wordIn(&p->a[i], azStart)<0; i++){}
  if( i>iType ) addPlain(p, ORM_DDL_TYPE, iType, i, iColumn);
  pNew->zType = rangeText(p, iType, i);
  p->iOrigin = iColumn;
  while( i<iEnd ){
    int iNext = clauseEnd(p, i, iEnd);
    columnClause(p, i, iNext, iColumn);
    i = iNext;
  }
  p->iOrigin = -1;
}

/* Constraints over columns wait until all columns are known. */
static void addConstraint(Parser *p, int i, int iEnd){
  OrmDdl *pDdl = p->pDdl;
  const char **pz = ormArenaGrow(p->pArena, (void**)&pDdl->azConstraint,
                    pDdl->nConstraint, &pDdl->nConstraintAlloc, sizeof(*pz));
  if( pz==0 ) return;
  *pz = rangeText(p, i, iEnd);
  pDdl->nConstraint++;
}

/* If the parentheses at i hold one bare column, its number, else -1. */
static int onlyColumn(Parser *p, int i){
  const char *z;
  if( !isPunct(&p->a[i], '(') || !isPunct(&p->a[i+2], ')') ) return -1;
  z = tokenName(p, &p->a[i+1]);
  return z ? ormDdlColumn(p->pDdl, z) : -1;
}

/* The columns of PRIMARY KEY(..), which opens at i. */
static void addKeyColumns(Parser *p, int i){
  int iEnd = closeParen(p, i) - 1;
  for(i++; i<iEnd; i++){
    const char *z = isPunct(&p->a[i-1], '(') || isPunct(&p->a[i-1], ',')
        ? tokenName(p, &p->a[i]) : 0;
    int iColumn = z ? ormDdlColumn(p->pDdl, z) : -1;
    if( iColumn>=0 ) addKey(p, iColumn);
  }
}

static void constraintClause(Parser *p, int i, int iEnd){
  int iColumn, eKind, iCols;
  if( isWord(&p->a[i], "constraint") ) i += 2;
  if( i>=iEnd ) return;
  if( isWord(&p->a[i], "check") ){
    addPlain(p, ORM_DDL_CHECK, i, iEnd, -1);
    return;
  }
  eKind = isWord(&p->a[i], "primary") ? ORM_DDL_PRIMARY
        : isWord(&p->a[i], "unique") ? ORM_DDL_UNIQUE : ORM_DDL_REFERENCES;
  iCols = eKind==ORM_DDL_UNIQUE ? i+1 : i+2;
  if( iCols+2>=iEnd ) return;
  iColumn = onlyColumn(p, iCols);
  if( eKind==ORM_DDL_PRIMARY ) addKeyColumns(p, iCols);
  if( eKind==ORM_DDL_REFERENCES ){
    int iRef = closeParen(p, iCols);
    const char *zFrom = iColumn>=0 ? "" : rangeCanonical(p, iCols, iRef);
    addReferences(p, iRef, iEnd, iColumn, zFrom);
  }else if( iColumn<0 ){
    addPlain(p, eKind, iCols, iEnd, -1);
  }else if( eKind==ORM_DDL_PRIMARY ){
    addClause(p, eKind, iColumn, rangeCanonical(p, iCols+3, iEnd));
  }else{
    const char *zRest = rangeCanonical(p, iCols+3, iEnd);
    addClause(p, eKind, iColumn,
        ormArenaPrintf(p->pArena, "unique%s%s", zRest[0] ? " " : "", zRest));
  }
}

static const char *const azConstraintWord[] = {
  "constraint", "primary", "unique", "check", "foreign", 0
};

/* Does another constraint begin at i, without a comma before it? */
static int constraintStarts(const Parser *p, int iFirst, int i){
  return i>iFirst && wordIn(&p->a[iFirst], azConstraintWord)>=0
      && isPunct(&p->a[i-1], ')') && wordIn(&p->a[i], azConstraintWord)>=0;
}

/* The elements between the parentheses that open at i.  (Columns come before
** what constraints say of them.) */
static void addElements(Parser *p, int iOpen, int iClose){
  int nDepth = p->a[iOpen].nDepth + 1;
  int iFirst = iOpen+1;
  for(int i=iFirst; i<=iClose; i++){
    int bEnd = i==iClose || (p->a[i].nDepth==nDepth && isPunct(&p->a[i], ','));
    int bNext = !bEnd && p->a[i].nDepth==nDepth
             && constraintStarts(p, iFirst, i);
    if( !bEnd && !bNext ) continue;
    if( i>iFirst && wordIn(&p->a[iFirst], azConstraintWord)>=0 ){
      addConstraint(p, iFirst, i);
      constraintClause(p, iFirst, i);
    }else if( i>iFirst ){
      addColumn(p, iFirst, i);
    }
    iFirst = bEnd ? i+1 : i;
  }
}

static int clauseIs(const OrmDdl *p, int iColumn, int eKind, const char *z){
  for(int i=0; i<p->nClause; i++){
    const OrmDdlClause *pClause = &p->aClause[i];
    if( pClause->iColumn==iColumn && pClause->eKind==eKind
     && (z==0 || strcmp(pClause->zText, z)==0) ) return 1;
  }
  return 0;
}

/* NOT NULL on a column that is the rowid says nothing: such clauses go. */
static void dropImplied(OrmDdl *p){
  int n = 0;
  for(int i=0; i<p->nClause; i++){
    OrmDdlClause *pClause = &p->aClause[i];
    int bKey = pClause->eKind==ORM_DDL_NOT_NULL
        && clauseIs(p, pClause->iColumn, ORM_DDL_PRIMARY, 0)
        && (p->bWithoutRowid
            || clauseIs(p, pClause->iColumn, ORM_DDL_TYPE, "integer"));
    if( !bKey ) p->aClause[n++] = *pClause;
  }
  p->nClause = n;
}

OrmDdl *ormDdlTable(OrmArena *pArena, const char *zSql){
  Parser parser;
  Parser *p = &parser;
  int i = 0, iClose;
  OrmDdl *pDdl;
  memset(p, 0, sizeof(*p));
  p->pArena = pArena;
  p->iOrigin = -1;
  if( zSql==0 || !tokenize(p, zSql) ) return 0;
  pDdl = p->pDdl = ormArenaAlloc(pArena, sizeof(*pDdl));
  if( pDdl==0 ) return 0;
  while( i<p->n && !isPunct(&p->a[i], '(') ) i++;
  if( i>=p->n || i<2 ) return 0;
  p->zTable = tokenName(p, &p->a[i-1]);
  iClose = closeParen(p, i) - 1;
  addElements(p, i, iClose);
  pDdl->zOptions = rangeText(p, iClose+1, p->n);
  for(int j=iClose+1; j<p->n; j++){
    if( isWord(&p->a[j], "strict") ) pDdl->bStrict = 1;
    if( isWord(&p->a[j], "without") ) pDdl->bWithoutRowid = 1;
  }
  dropImplied(pDdl);
  return pArena->pErr->rc || pDdl->nColumn==0 ? 0 : pDdl;
}

/* ------------------------------------------------------------------------
** Indexes
*/

/* Is the term from i to iEnd a bare column? */
static const char *bareColumn(Parser *p, int i, int iEnd){
  if( iEnd!=i+1 || p->a[i].eType==TK_OTHER ) return 0;
  return tokenName(p, &p->a[i]);
}

static void addTerm(Parser *p, OrmDdlIndex *pIndex, int *pnAlloc, int i,
                    int iEnd){
  int nAlloc = *pnAlloc;
  const char **pz = ormArenaGrow(p->pArena, (void**)&pIndex->azTerm,
                                 pIndex->nTerm, pnAlloc, sizeof(char*));
  const char **pzCol = ormArenaGrow(p->pArena, (void**)&pIndex->azColumn,
                                    pIndex->nTerm, &nAlloc, sizeof(char*));
  if( pz==0 || pzCol==0 ) return;
  *pz = rangeText(p, i, iEnd);
  *pzCol = bareColumn(p, i, iEnd);
  pIndex->nTerm++;
}

OrmDdlIndex *ormDdlIndex(OrmArena *pArena, const char *zSql){
  Parser parser;
  Parser *p = &parser;
  OrmDdlIndex *pIndex;
  int i = 0, iOn, iClose, iFirst, nAlloc = 0;
  memset(p, 0, sizeof(*p));
  p->pArena = pArena;
  if( !tokenize(p, zSql) ) return 0;
  pIndex = ormArenaAlloc(pArena, sizeof(*pIndex));
  if( pIndex==0 ) return 0;
  pIndex->bUnique = (u8)isWord(&p->a[1], "unique");
  while( i<p->n && !isPunct(&p->a[i], '(') ) i++;
  if( i>=p->n ) return 0;
  iOn = i-2;
  assert( iOn>2 );              /* CREATE INDEX name ON t (                   */
  pIndex->zName = tokenName(p, &p->a[iOn-1]);
  iClose = closeParen(p, i) - 1;
  iFirst = i+1;
  for(int j=iFirst; j<=iClose; j++){
    if( j<iClose && !(p->a[j].nDepth==p->a[i].nDepth+1
                      && isPunct(&p->a[j], ',')) ) continue;
    addTerm(p, pIndex, &nAlloc, iFirst, j);
    iFirst = j+1;
  }
  if( iClose+2<p->n ) pIndex->zWhere = rangeText(p, iClose+2, p->n);
  pIndex->zCanonical = ormArenaPrintf(pArena, "%s%s",
      pIndex->bUnique ? "unique " : "", rangeCanonical(p, iOn+1, p->n));
  return pArena->pErr->rc ? 0 : pIndex;
}

/* ------------------------------------------------------------------------
** Model tables
*/

/* The argument in the parentheses that open at i, as a module is given it. */
static char *argument(Parser *p, int i){
  int iClose = closeParen(p, i) - 1;
  const Token *pLast = &p->a[iClose-1];
  if( iClose==i+1 ) return 0;
  for(int j=i+1; j<iClose; j++){
    if( p->a[j].nDepth==p->a[i].nDepth+1 && isPunct(&p->a[j], ',') ) return 0;
  }
  return ormArenaText(p->pArena, p->a[i+1].z,
                      pLast->z + pLast->n - p->a[i+1].z);
}

const char *ormDdlModelTable(OrmArena *pArena, const char *zSql){
  Parser parser;
  const char *zModule;
  char *zModel;
  int i = 0;
  memset(&parser, 0, sizeof(parser));
  parser.pArena = pArena;
  if( !tokenize(&parser, zSql) ) return 0;
  while( i<parser.n && !isWord(&parser.a[i], "using") ) i++;
  if( i+2>=parser.n ) return 0;
  zModule = tokenName(&parser, &parser.a[i+1]);
  if( zModule==0 || sqlite3_stricmp(zModule, "orm")!=0 ) return 0;
  zModel = isPunct(&parser.a[i+2], '(') ? argument(&parser, i+2) : 0;
  if( zModel ) ormUnquote(zModel);
  return zModel;
}

/* ------------------------------------------------------------------------
** Comparing
*/
const char *ormDdlCanonical(OrmArena *pArena, const char *zSql){
  Parser parser;
  memset(&parser, 0, sizeof(parser));
  parser.pArena = pArena;
  if( !tokenize(&parser, zSql) ) return zSql;
  return rangeCanonical(&parser, 0, parser.n);
}

const char *ormDdlBare(OrmArena *pArena, const char *zBody,
                       const char *zTable){
  Parser parser;
  OrmBuf buf;
  const char *z = zBody;
  memset(&parser, 0, sizeof(parser));
  parser.pArena = pArena;
  parser.zTable = zTable;
  if( !tokenize(&parser, zBody) ) return zBody;
  ormBufInit(&buf, pArena->pErr);
  for(int i=0; i<parser.n; i++){
    if( !isQualifier(&parser, i) ) continue;
    ormBufAdd(&buf, z, parser.a[i].z - z);
    z = parser.a[i+2].z;
  }
  ormBufAdd(&buf, z, -1);
  return canonicalText(&parser, &buf);
}

/* As sqlite_schema has it the name is bare, and means what TEMP has first. */
const char *ormDdlInMain(OrmArena *pArena, const char *zSql){
  Parser parser;
  int iName;
  memset(&parser, 0, sizeof(parser));
  parser.pArena = pArena;
  if( !tokenize(&parser, zSql) || parser.n<4 ) return zSql;
  iName = isWord(&parser.a[1], "unique") ? 3 : 2;
  return ormArenaPrintf(pArena, "%s main.%s", rangeText(&parser, 0, iName),
                        parser.a[iName].z);
}

/* The same of a TEMP trigger, whose table is the first name after ON. */
const char *ormDdlTempTrigger(OrmArena *pArena, const char *zSql){
  Parser parser;
  int iOn = 3;
  memset(&parser, 0, sizeof(parser));
  parser.pArena = pArena;
  if( !tokenize(&parser, zSql) ) return zSql;
  while( iOn<parser.n && !isWord(&parser.a[iOn], "on") ) iOn++;
  if( iOn+2>=parser.n ) return zSql;
  return ormArenaPrintf(pArena, "CREATE TEMP TRIGGER %s %s%s",
      rangeText(&parser, 2, iOn+1),
      isPunct(&parser.a[iOn+2], '.') ? "" : "main.", parser.a[iOn+1].z);
}

/* A mark behind the piece tells whether something in it stays open. */
const char *ormDdlPiece(OrmArena *pArena, const char *zPiece){
  Parser parser;
  char *z = ormArenaPrintf(pArena, "%s\n;", zPiece);
  memset(&parser, 0, sizeof(parser));
  parser.pArena = pArena;
  if( z==0 ) return 0;
  if( !tokenize(&parser, z) || parser.n==0
   || parser.a[parser.n-1].z!=&z[strlen(z)-1] ){
    return "a parenthesis, quote or comment is not closed";
  }
  for(int i=0; i<parser.n-1; i++){
    if( isPunct(&parser.a[i], ';') ) return "more than one statement";
    if( parser.a[i].nDepth==0 && isPunct(&parser.a[i], ',') ){
      return "more than one piece";
    }
  }
  return 0;
}

int ormDdlColumn(const OrmDdl *p, const char *zName){
  for(int i=0; i<p->nColumn; i++){
    if( sqlite3_stricmp(p->aColumn[i].zName, zName)==0 ) return i;
  }
  return -1;
}

const OrmDdlClause *ormDdlMissing(
  const OrmDdl *pA, int iA, const OrmDdl *pB, int iB
){
  for(int i=0; i<pA->nClause; i++){
    const OrmDdlClause *p = &pA->aClause[i];
    if( p->iColumn==iA && !clauseIs(pB, iB, p->eKind, p->zText) ) return p;
  }
  return 0;
}

OrmDdl *ormDdlOfTable(Orm *pOrm, OrmArena *pArena, const char *zTable){
  const char *zSql = 0;
  if( !ormFactExists(pOrm, pArena->pErr, "table", zTable, pArena, &zSql) ){
    return 0;
  }
  return ormDdlTable(pArena, zSql);
}
