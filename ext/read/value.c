/*
** Values of fields as JSON documents give them: checked by the field's type
** and turned into what the column holds.
**
** boolean: true false 1 0.  blob: base64.  date and datetime: ISO-8601 text
** with a day that the calendar has, or a number, as given.  json: any value,
** as its text.  Others: number or text, left to the column's affinity.
*/
#include "../orm_int.h"

/* -------------------------------------------------------------- base64 --- */

static int base64Digit(char c){
  if( c>='A' && c<='Z' ) return c - 'A';
  if( c>='a' && c<='z' ) return c - 'a' + 26;
  if( c>='0' && c<='9' ) return c - '0' + 52;
  if( c=='+' || c=='-' ) return 62;
  return c=='/' || c=='_' ? 63 : -1;
}

char *ormBase64Read(OrmArena *pArena, const char *z, i64 n, int *pnOut){
  u32 iWord = 0;
  int nBit = 0, nOut = 0;
  char *zOut;
  while( n>0 && z[n-1]=='=' ) n--;
  zOut = ormArenaRaw(pArena, n*3/4 + 4);
  for(i64 i=0; zOut && i<n; i++){
    int iDigit = base64Digit(z[i]);
    if( iDigit<0 ) return 0;
    iWord = iWord<<6 | (u32)iDigit;
    nBit += 6;
    if( nBit>=8 ){
      nBit -= 8;
      zOut[nOut++] = (char)(u8)(iWord>>nBit);
    }
  }
  *pnOut = nOut;
  return nBit>=6 ? 0 : zOut;
}

static int bindBlob(OrmBinds *p, const OrmField *pField, const OrmJson *pNode){
  char *zOut;
  int n;
  if( pNode->eType==ORM_JSON_STRING ){
    zOut = ormBase64Read(p->pArena, pNode->z, pNode->n, &n);
    if( zOut ) return ormBindBlob(p, zOut, n);
  }
  ormJsonErr(p->pArena->pErr, pNode, "%s is a blob field: base64 text is "
             "needed", pField->zName);
  return -1;
}

/* --------------------------------------------------------------- dates --- */

/* nDigit digits at *pz as a number, *pz moved on; -1 if they are not there. */
static int dateDigits(const char **pz, int nDigit){
  int i = 0;
  for(int n=0; n<nDigit; n++, (*pz)++){
    if( **pz<'0' || **pz>'9' ) return -1;
    i = i*10 + (**pz - '0');
  }
  return i;
}

static int dateIsDay(int iYear, int iMonth, int iDay){
  static const u8 aDays[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
  int bLeap = (iYear%4==0 && iYear%100!=0) || iYear%400==0;
  if( iMonth<1 || iMonth>12 || iDay<1 ) return 0;
  return iDay<=aDays[iMonth-1] + (iMonth==2 && bLeap);
}

/* "YYYY-MM-DD", *pz moved behind it. */
static int dateDay(const char **pz){
  int iYear = dateDigits(pz, 4), iMonth, iDay;
  if( iYear<0 || *(*pz)++!='-' ) return 0;
  iMonth = dateDigits(pz, 2);
  if( iMonth<0 || *(*pz)++!='-' ) return 0;
  iDay = dateDigits(pz, 2);
  return dateIsDay(iYear, iMonth, iDay);
}

/* "HH:MM", "HH:MM:SS" or with a fraction. */
static int dateTime(const char **pz){
  int iHour = dateDigits(pz, 2), iMinute, iSecond = 0;
  if( iHour<0 || *(*pz)++!=':' ) return 0;
  iMinute = dateDigits(pz, 2);
  if( iMinute>=0 && **pz==':' ){
    (*pz)++;
    iSecond = dateDigits(pz, 2);
    if( iSecond>=0 && **pz=='.' ){
      (*pz)++;
      if( dateDigits(pz, 1)<0 ) return 0;
      while( **pz>='0' && **pz<='9' ) (*pz)++;
    }
  }
  return iHour<=24 && iMinute>=0 && iMinute<60 && iSecond>=0 && iSecond<=60;
}

/* "", "Z", "+HH:MM", "-HH:MM" or "+HHMM". */
static int dateZone(const char **pz){
  int iHour, iMinute;
  if( **pz=='Z' || **pz=='z' ){
    (*pz)++;
  }else if( **pz=='+' || **pz=='-' ){
    (*pz)++;
    iHour = dateDigits(pz, 2);
    if( **pz==':' ) (*pz)++;
    iMinute = dateDigits(pz, 2);
    return iHour>=0 && iHour<=14 && iMinute>=0 && iMinute<60;
  }
  return 1;
}

int ormDateText(const char *z, i64 n, int bTime){
  const char *zAt = z;
  if( !dateDay(&zAt) ) return 0;
  if( !bTime ) return zAt==z+n;
  if( *zAt=='T' || *zAt=='t' || *zAt==' ' ){
    zAt++;
    if( !dateTime(&zAt) || !dateZone(&zAt) ) return 0;
  }
  return zAt==z+n;
}

static int bindDate(OrmBinds *p, const OrmField *pField, const OrmJson *pNode){
  if( pNode->eType==ORM_JSON_INTEGER || pNode->eType==ORM_JSON_REAL
   || (pNode->eType==ORM_JSON_STRING && ormDateText(pNode->z, pNode->n, 1)) ){
    return ormBindJson(p, pNode);
  }
  ormJsonErr(p->pArena->pErr, pNode, "%s is a %s field: a calendar date as "
             "ISO-8601 text, or a number, is needed", pField->zName,
             ormTypeName(pField->eType));
  return -1;
}

/* -------------------------------------------------------------- others --- */

static int bindBoolean(OrmBinds *p, const OrmField *pField, const OrmJson *pNode
){
  int bNumber = pNode->eType==ORM_JSON_INTEGER;
  if( pNode->eType==ORM_JSON_TRUE || (bNumber && pNode->u.i==1) ){
    return ormBindInt(p, 1);
  }
  if( pNode->eType==ORM_JSON_FALSE || (bNumber && pNode->u.i==0) ){
    return ormBindInt(p, 0);
  }
  ormJsonErr(p->pArena->pErr, pNode, "%s is a boolean field: true or false is "
             "needed", pField->zName);
  return -1;
}

/* The text of a JSON value; a node that was made, not parsed, has no source. */
static int bindJson(OrmBinds *p, const OrmJson *pNode){
  OrmBuf buf;
  int iBind;
  ormBufInit(&buf, p->pArena->pErr);
  ormJsonNode(&buf, pNode);
  iBind = ormBindText(p, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return iBind;
}

int ormFieldBind(OrmBinds *p, const OrmField *pField, const OrmJson *pNode){
  if( pNode->eType==ORM_JSON_NULL ) return ormBindNull(p);
  switch( pField->eType ){
    case ORM_TYPE_BOOLEAN:  return bindBoolean(p, pField, pNode);
    case ORM_TYPE_BLOB:     return bindBlob(p, pField, pNode);
    case ORM_TYPE_DATE:
    case ORM_TYPE_DATETIME: return bindDate(p, pField, pNode);
    case ORM_TYPE_JSON:     return bindJson(p, pNode);
  }
  if( pNode->eType>=ORM_JSON_ARRAY ){
    ormJsonErr(p->pArena->pErr, pNode, "%s is no value of %s",
               ormJsonTypeName(pNode), pField->zName);
    return -1;
  }
  return ormBindJson(p, pNode);
}

/* What a key has to find was stored already, so a field's type refuses nothing:
** what is no value of it is the text or the number that it is. */
int ormKeyBind(OrmBinds *p, const OrmField *pField, const OrmJson *pNode){
  int bText = pNode->eType==ORM_JSON_STRING;
  char *zBlob = 0;
  int n;
  if( pField->eType==ORM_TYPE_JSON || pNode->eType>=ORM_JSON_ARRAY ){
    return ormFieldBind(p, pField, pNode);
  }
  if( pField->eType==ORM_TYPE_BLOB && bText ){
    zBlob = ormBase64Read(p->pArena, pNode->z, pNode->n, &n);
  }
  return zBlob ? ormBindBlob(p, zBlob, n) : ormBindJson(p, pNode);
}
