/*
** Tests of ext/core/ that SQL cannot reach: compiled with the sources and
** -DSQLITE_CORE against libsqlite3, run by tests/core.test.
**
**   core                 everything that needs no data
**   core json FILE ...   prints, for each file, "y name" if the reader takes it
**                        and "n name" if not; the tree is written and read back
**   core real N SEED     N random doubles, there and back
**
** Prints a line "! what" for each complaint and ends with "N passed, N failed".
*/
#include "../../ext/orm_int.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int nPass = 0, nFail = 0;

static void check(int bOk, const char *zWhat){
  if( bOk ){
    nPass++;
  }else{
    nFail++;
    printf("! %s\n", zWhat);
  }
}

static void checkText(
  const char *zGot, const char *zExpected, const char *zWhat
){
  int bOk = zGot!=0 && strcmp(zGot, zExpected)==0;
  check(bOk, zWhat);
  if( !bOk ){
    printf("    expected: [%s]\n     got: [%s]\n", zExpected,
           zGot ? zGot : "0");
  }
}

/* A generator of its own, so that a seed gives the same numbers everywhere. */
static u64 iRandom = 88172645463325252u;
static u64 nextRandom(void){
  iRandom ^= iRandom<<13;
  iRandom ^= iRandom>>7;
  iRandom ^= iRandom<<17;
  return iRandom;
}

/* -------------------------------------------------------------- errors -- */

static void testErrors(void){
  OrmErr err = { 0, 0 };
  ormErr(&err, SQLITE_ERROR, "orm: %s", "first");
  ormErr(&err, SQLITE_BUSY, "second");
  check(err.rc==SQLITE_ERROR, "err: the first code stays");
  checkText(err.zMsg, "orm: first", "err: the first message stays");
  ormErrPrefix(&err, "orm: $.a[%d]: ", 2);
  checkText(err.zMsg, "orm: $.a[2]: first", "err: prefix, one orm: is left");
  ormErrClear(&err);
  check(err.rc==0 && err.zMsg==0, "err: cleared");
  ormErrPrefix(&err, "orm: x: ");
  check(err.rc==0 && err.zMsg==0, "err: no prefix without an error");
  ormErrOom(&err);
  ormErrPrefix(&err, "orm: x: ");
  check(err.rc==SQLITE_NOMEM && err.zMsg==0, "err: out of memory has no text");
  ormErrClear(&err);
  ormErr(&err, SQLITE_CONSTRAINT_UNIQUE, "UNIQUE");
  ormErrPrefix(&err, "orm: $: ");
  checkText(err.zMsg, "orm: $: UNIQUE", "err: prefix of a plain message");
  ormErrClear(&err);
  ormErr(&err, SQLITE_NOMEM, "no text");
  check(err.rc==SQLITE_NOMEM && err.zMsg==0, "err: nor where it is told one");
  ormErrClear(&err);
}

/* ------------------------------------------------------ arena and buffer -- */

static void testArena(void){
  OrmErr err = { 0, 0 };
  OrmArena arena;
  int bAligned = 1, bZero = 1, nAlloc = 0, n = 0;
  int *aInt = 0;
  ormArenaInit(&arena, &err);
  for(int i=0; i<2000; i++){
    i64 nByte = (i64)(nextRandom()%300);
    u8 *p;
    if( i%97==0 ) nByte *= 1000;
    p = ormArenaAlloc(&arena, nByte);
    bAligned &= ((uintptr_t)p & 7)==0;
    for(i64 j=0; j<nByte; j++) bZero &= p[j]==0;
    if( nByte ) memset(p, 0x5a, (size_t)nByte);
    ormArenaRaw(&arena, i%7);
  }
  check(bAligned, "arena: aligned to 8");
  check(bZero, "arena: zeroed, no overlap");
  checkText(ormArenaPrintf(&arena, "%d-%s", 7, "x"), "7-x", "arena: printf");
  checkText(ormArenaText(&arena, "abcdef", 3), "abc", "arena: text");
  for(n=0; n<1000; n++){
    int *p = ormArenaGrow(&arena, (void**)&aInt, n, &nAlloc, (int)sizeof(int));
    *p = n;
  }
  for(n=0; n<1000 && aInt[n]==n; n++){}
  check(n==1000, "arena: an array that grows keeps its elements");
  ormArenaFree(&arena);
  check(arena.nTotal==0 && arena.pChunk==0, "arena: all free");
}

/* The bytes of the character at z, by decoding and encoding it again. */
static int utf8Bytes(const unsigned char *z, int n){
  static const unsigned aLead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
  static const unsigned aLeast[] = { 0, 0, 0x80, 0x800, 0x10000 };
  int nByte = z[0]<0x80 ? 1 : z[0]<0xc0 ? 0 : z[0]<0xe0 ? 2 : z[0]<0xf0 ? 3
            : z[0]<0xf8 ? 4 : 0;
  unsigned c;
  if( nByte<2 ) return nByte;
  c = z[0] - aLead[nByte];
  for(int i=1; i<nByte; i++){
    if( i>=n || z[i]<0x80 || z[i]>=0xc0 ) return 0;
    c = c*64 + z[i] - 0x80;
  }
  if( c<aLeast[nByte] || c>0x10ffff || (c>=0xd800 && c<0xe000) ) return 0;
  return nByte;
}

static void testUtf8(void){
  static const unsigned char aByte[] = {
    0, 0x22, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x91, 0x9f, 0xa0, 0xa1, 0xbf, 0xc0,
    0xff
  };
  unsigned char z[4];
  int nWrong = 0;
  for(int iLead=0; iLead<256; iLead++){
    for(int i=0; i<14*14*14; i++){
      z[0] = (unsigned char)iLead;
      z[1] = aByte[i%14];
      z[2] = aByte[i/14%14];
      z[3] = aByte[i/196];
      for(int n=1; n<=4; n++){
        nWrong += ormUtf8Length((const char*)z, n)!=utf8Bytes(z, n);
      }
    }
  }
  check(nWrong==0, "utf-8: every lead byte, every kind of what follows");
}

/* Is i written as printf() does? */
static int intIsRight(OrmBuf *pBuf, i64 i){
  char zWant[32];
  snprintf(zWant, sizeof(zWant), "%lld", (long long)i);
  ormBufReset(pBuf);
  ormBufInt(pBuf, i);
  return strcmp(ormBufText(pBuf), zWant)==0;
}

static void testBuf(void){
  static const i64 aNumber[] = { INT64_MAX, INT64_MIN, INT64_MIN + 1 };
  int nWrong = 0;
  OrmErr err = { 0, 0 };
  OrmBuf buf;
  char *z;
  i64 n;
  ormBufInit(&buf, &err);
  for(int i=0; i<ORM_COUNT(aNumber); i++){
    nWrong += !intIsRight(&buf, aNumber[i]);
  }
  for(i64 i=-20000; i<=20000; i++) nWrong += !intIsRight(&buf, i);
  for(i64 iTen=100000; iTen<INT64_MAX/10; iTen*=10){
    for(int i=-2; i<=2; i++){
      nWrong += !intIsRight(&buf, iTen + i) + !intIsRight(&buf, -iTen + i);
    }
  }
  check(nWrong==0, "buf: int");
  ormBufReset(&buf);
  ormBufColumn(&buf, "t0", "a\"b");
  ormBufChar(&buf, ' ');
  ormBufTable(&buf, "x y");
  ormBufPrintf(&buf, " %d ", 5);
  ormBufLiteral(&buf, "it's");
  checkText(ormBufText(&buf), "t0.\"a\"\"b\" \"main\".\"x y\" 5 'it''s'",
            "buf: names and literals are quoted");
  for(int bTake=0; bTake<2; bTake++){      /* full to the last byte          */
    OrmBuf full;
    ormBufInit(&full, &err);
    do ormBufChar(&full, 'x'); while( full.n<full.nAlloc );
    if( bTake ){
      z = ormBufTake(&full, &n);
      check((i64)sqlite3_msize(z)>n && z[n]==0, "buf: room for the end, taken");
      sqlite3_free(z);
    }else{
      check(ormBufText(&full) && full.nAlloc>full.n, "buf: room for the end");
      ormBufFree(&full);
    }
  }
  z = ormBufTake(&buf, &n);
  check(n==(i64)strlen(z) && buf.n==0 && buf.z==0, "buf: taken");
  sqlite3_free(z);
  ormErrOom(&err);
  ormBufAdd(&buf, "x", 1);
  ormBufInt(&buf, 1);
  ormBufPrintf(&buf, "x");
  check(buf.n==0 && ormBufTake(&buf, &n)==0, "buf: nothing after an error");
  ormBufFree(&buf);
}

/* ------------------------------------------------------------------ json -- */

/* Does the reader take the text?  A tree that it makes is walked. */
static int countNodes(const OrmJson *p){
  int n = 0;
  while( p ){
    n++;
    if( p->pChild ){
      p = p->pChild;
      continue;
    }
    while( p && p->pNext==0 ) p = p->pParent;
    if( p ) p = p->pNext;
  }
  return n;
}

static int readable(const char *z, i64 n){
  OrmErr err = { 0, 0 };
  OrmArena arena;
  OrmJson *p;
  int bOk;
  ormArenaInit(&arena, &err);
  p = ormJsonParse(&arena, z, n, "the test");
  bOk = p!=0;
  if( (err.rc==SQLITE_OK)!=bOk ) check(0, "json: a tree or an error");
  if( ormJsonValid(z, n)!=bOk ) check(0, "json: valid and parse agree");
  if( p && countNodes(p)<1 ) check(0, "json: no node");
  ormErrClear(&err);
  ormArenaFree(&arena);
  return bOk;
}

static void testReader(void){
  static const char *azGood[] = {
    "null", "true", "false", "0", "-0", "1", "-12", "1.5", "1e5", "1E+5",
    "0.1e-7", "\"\"", "\"a\"", "[]", "{}", " [ 1 , 2 ] ", "\t{\n\"a\" : {}}\r",
    "\"\\u0000\"", "\"\\ud83d\\ude00\"", "\"\\ud800\"",
    "\"\\\"\\\\\\/\\b\\f\\n\"",
    "\"\xe0\xa0\x80\"", "\"\xf0\x90\x80\x80\"", "\"\xed\x9f\xbf\"",
    "\"\\ud800 01234567\"", "\"\\ud800\\n012345\"",
    "{\"a\":1,\"a\":2}", "\"\x7f\"", "\"\xf4\x8f\xbf\xbf\"", "\"\xc2\x80\"",
    "123456789012345678901234567890", "1e400", "[[[[]]],{}]", "{\"\":0}",
  };
  static const char *azBad[] = {
    "", " ", "nul", "True", "01", "-", "-01", "1.", ".5", "1e", "1e+", "+1",
    "\"\xe0\x80\x80\"", "\"\xf0\x80\x80\x80\"", "\"\\ud800\\u\"",
    "0x1", "NaN", "Infinity", "-Infinity", "\"", "\"a", "\"\\\"", "\"\\x\"",
    "\"\\u12\"", "\"\\u12g4\"", "\"\n\"", "\"\t\"", "'a'", "[", "]", "[1",
    "[1,", "[1,]", "[,1]", "[1 2]", "{", "{\"a\"", "{\"a\":", "{\"a\":1",
    "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\" 1}", "{\"a\":1]", "[1}", "1 2",
    "[] []", "//x\n1", "/*x*/1", "\xef\xbb\xbf" "1", "\"\x80\"", "\"\xc0\x80\"",
    "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"", "\"\xff\"",
    "\xc2\xa0" "1", "\f1", "truex", "1a", "--1", "1.2.3", "1e5.2",
  };
  char *z = malloc(400010);
  for(int i=0; i<ORM_COUNT(azGood); i++){
    check(readable(azGood[i], (i64)strlen(azGood[i])), azGood[i]);
  }
  for(int i=0; i<ORM_COUNT(azBad); i++){
    check(!readable(azBad[i], (i64)strlen(azBad[i])), azBad[i]);
  }
  check(!readable("1\0", 2), "json: a NUL behind the value");
  check(!readable("\"a\0b\"", 5), "json: a NUL in a string");
  memset(z, '[', 200000);
  memset(z + 200000, ']', 200000);
  check(!readable(z, 400000), "json: 200000 levels are refused");
  check(!readable(z, 200000), "json: 200000 openings are refused");
  check(readable(z + 199000, 2000), "json: 1000 levels");
  check(!readable(z + 198999, 2002), "json: 1001 levels");
  free(z);
}

static void testTree(void){
  static const char zDoc[] =
    " {\"a\": [1, -2.5, \"x\\ny\\u0041\\ud83d\\ude00\\udc00\","
    " \"\\ud83d\\ue000\\ud83d\\u0041\"], \"b c\": {"
    "\"d\": 9223372036854775807, \"e\": 9223372036854775808, \"a\": -0.0},"
    " \"a\": null}";
  static const struct { const char *z, *zPath; } aPath[] = {
    { "{\"A_z$9\": 1}", "$.A_z$9" }, { "{\"9a\": 1}", "$[\"9a\"]" },
    { "{\"\": 1}", "$[\"\"]" }, { "{\"\xc3\xa9\": 1}", "$.\xc3\xa9" },
    { "{\"Z[\": 1}", "$[\"Z[\"]" }, { "{\"a{\": 1}", "$[\"a{\"]" },
    { "{\"a-\": 1}", "$[\"a-\"]" }, { "{\"b@:\": 1}", "$[\"b@:\"]" },
  };
  OrmErr err = { 0, 0 };
  OrmArena arena;
  OrmBuf buf;
  OrmJson *p, *pA, *pB;
  ormArenaInit(&arena, &err);
  ormBufInit(&buf, &err);
  p = ormJsonParse(&arena, zDoc, (i64)strlen(zDoc), "the test");
  check(p && p->eType==ORM_JSON_OBJECT && p->nChild==3, "tree: object");
  pA = p->pChild;
  check(ormJsonIs(pA, "a") && pA->nChild==4 && pA->iIndex==0, "tree: array");
  check(pA->pChild->eType==ORM_JSON_INTEGER && pA->pChild->u.i==1, "tree: 1");
  check(pA->pChild->pNext->eType==ORM_JSON_REAL
     && pA->pChild->pNext->u.r==-2.5, "tree: -2.5");
  checkText(pA->pChild->pNext->pNext->z, "x\nyA\xf0\x9f\x98\x80\xef\xbf\xbd",
            "tree: escapes are decoded, a lone surrogate is replaced");
  checkText(pA->pChild->pNext->pNext->pNext->z,
            "\xef\xbf\xbd\xee\x80\x80\xef\xbf\xbd" "A",
            "tree: half a pair before another character");
  pB = ormJsonMember(p, "b c");
  check(pB && ormJsonMember(pB, "d")->u.i==INT64_MAX, "tree: largest integer");
  check(ormJsonMember(pB, "e")->eType==ORM_JSON_REAL
     && ormJsonMember(pB, "e")->u.r==9223372036854775808.0, "tree: 2^63");
  check(signbit(ormJsonMember(pB, "a")->u.r)!=0, "tree: -0.0 keeps its sign");
  check(ormJsonMember(p, "a")->eType==ORM_JSON_NULL,
        "tree: the last of a name");
  check(ormJsonMember(p, "x")==0 && ormJsonMember(pA, "a")==0,
        "tree: no such member");
  checkText(ormJsonPath(&arena, ormJsonMember(pB, "d")), "$[\"b c\"].d",
            "tree: path with a name to quote");
  checkText(ormJsonPath(&arena, pA->pChild->pNext), "$.a[1]", "tree: path");
  checkText(ormJsonPath(&arena, p), "$", "tree: path of the root");
  check(ormJsonMember(0, "a")==0, "tree: nothing has no member");
  for(int i=0; i<ORM_COUNT(aPath); i++){
    OrmJson *pDoc = ormJsonParse(&arena, aPath[i].z, (i64)strlen(aPath[i].z),
                                 "x");
    checkText(ormJsonPath(&arena, pDoc->pChild), aPath[i].zPath,
              "tree: plain names and others");
  }
  ormJsonNode(&buf, pA);
  checkText(ormBufText(&buf),
            "[1, -2.5, \"x\\ny\\u0041\\ud83d\\ude00\\udc00\","
            " \"\\ud83d\\ue000\\ud83d\\u0041\"]",
            "tree: a node as it stood");
  ormBufReset(&buf);
  ormJsonNode(&buf, ormJsonPlain(&arena, "a\"b", -1));
  checkText(ormBufText(&buf), "\"a\\\"b\"", "tree: a plain node");
  ormJsonErr(&err, ormJsonMember(pB, "d"), "no such %s", "thing");
  checkText(err.zMsg, "orm: $[\"b c\"].d: no such thing", "tree: error");
  ormErrClear(&err);
  check(ormJsonParse(&arena, "[1,", 3, "the object")==0, "tree: malformed");
  checkText(err.zMsg,
      "orm: malformed JSON: unexpected end at offset 3 in the object",
      "tree: what is malformed, and where");
  ormErrClear(&err);
  ormBufFree(&buf);
  ormArenaFree(&arena);
}

/* The one string of a document, and what follows its first character. */
static u32 firstOf(OrmArena *pArena, const char *zDoc, const char **pzRest){
  const OrmJson *p = ormJsonParse(pArena, zDoc, (i64)strlen(zDoc), "the test");
  const u8 *z = p ? (const u8*)p->z : (const u8*)"";
  int n = ormUtf8Length((const char*)z, p ? p->n : 0);
  u32 c = n>1 ? z[0] & (0xffu>>(n + 1)) : z[0];
  for(int i=1; i<n; i++) c = c<<6 | (z[i] & 0x3f);
  *pzRest = (const char*)&z[n];
  return c;
}

/* Every \u, in either case; every pair with a few of the other half; halves
** with something else beside them. */
static void testEscapes(void){
  static const u32 aHalf[] = { 0, 1, 0xab, 0x1cd, 0x3ef, 0x3ff };
  static const struct { const char *z; u32 c; const char *zRest; } aOdd[] = {
    { "\"\\uD83d\\uDe00\"", 0x1f600, "" },
    { "\"\\ud83dxxde00\"", 0xfffd, "xxde00" },
    { "\"\\ud83d\\nxde00\"", 0xfffd, "\nxde00" },
    { "\"\\ud83d\\u00e9\"", 0xfffd, "\xc3\xa9" },
    { "\"\\u0041\\ude00\"", 'A', "\xef\xbf\xbd" },
    { "\"\\ude00\\ud83d\"", 0xfffd, "\xef\xbf\xbd" },
  };
  OrmErr err = { 0, 0 };
  OrmArena arena;
  const char *zRest;
  char zDoc[20];
  int nBad = 0;
  ormArenaInit(&arena, &err);
  for(u32 c=1; c<=0xffff; c++){
    u32 cIs = c>=0xd800 && c<0xe000 ? 0xfffd : c;
    sprintf(zDoc, "\"\\u%04x\"", c);
    nBad += firstOf(&arena, zDoc, &zRest)!=cIs || *zRest;
    sprintf(zDoc, "\"\\u%04X\"", c);
    nBad += firstOf(&arena, zDoc, &zRest)!=cIs || *zRest;
  }
  check(nBad==0, "escapes: every \\u");
  for(u32 i=0; i<0x400*ORM_COUNT(aHalf); i++){
    u32 a = i & 0x3ff, b = aHalf[i>>10];
    sprintf(zDoc, "\"\\u%04x\\u%04X\"", 0xd800 + a, 0xdc00 + b);
    nBad += firstOf(&arena, zDoc, &zRest)!=0x10000 + (a<<10) + b || *zRest;
    sprintf(zDoc, "\"\\u%04X\\u%04x\"", 0xd800 + b, 0xdc00 + a);
    nBad += firstOf(&arena, zDoc, &zRest)!=0x10000 + (b<<10) + a || *zRest;
  }
  check(nBad==0, "escapes: pairs");
  for(int i=0; i<ORM_COUNT(aOdd); i++){
    check(firstOf(&arena, aOdd[i].z, &zRest)==aOdd[i].c, aOdd[i].z);
    checkText(zRest, aOdd[i].zRest, aOdd[i].z);
  }
  check(err.rc==SQLITE_OK, "escapes: no error");
  ormArenaFree(&arena);
}

/* The plain way to escape, a byte at a time. */
static i64 naiveEscape(char *zOut, const u8 *z, i64 n){
  char *zTo = zOut;
  *zTo++ = '"';
  for(i64 i=0; i<n; ){
    u8 c = z[i];
    int nLen = ormUtf8Length((const char*)&z[i], n - i);
    const char *zShort = "\bb\tt\nn\ff\rr\"\"\\\\";
    int k = 0;
    while( zShort[k] && zShort[k]!=(char)c ) k += 2;
    if( nLen==0 ){
      zTo += sprintf(zTo, "\xef\xbf\xbd");
      nLen = 1;
    }else if( c && zShort[k] ){
      zTo += sprintf(zTo, "\\%c", zShort[k+1]);
    }else if( c<' ' ){
      zTo += sprintf(zTo, "\\u%04x", c);
    }else{
      memcpy(zTo, &z[i], (size_t)nLen);
      zTo += nLen;
    }
    i += nLen;
  }
  *zTo++ = '"';
  return zTo - zOut;
}

/* Characters of every kind, whole and broken. */
static i64 randomText(u8 *z, i64 nMax){
  i64 n = 0, nText = (i64)(nextRandom()%(u64)nMax);
  int eKind = (int)(nextRandom()%5);
  while( n<nText ){
    u64 r = nextRandom();
    if( eKind==0 || (eKind==4 ? r%8==0 : r%8!=0) ){
      z[n++] = (u8)(' ' + r/8%95);
    }else if( eKind==1 ){
      z[n++] = (u8)(r>>8);
    }else{
      static const char *az[] = {
        "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\"", "\\", "\n",
        "\x01", "\x7f", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xe0\xa4\x85", "\xe0\x80\x80", "\xed\x9f\xbf"
      };
      const char *zPart = az[(r>>8)%13];
      i64 nPart = (i64)strlen(zPart);
      if( (r>>20)%16==0 && nPart>1 ) nPart--;
      memcpy(&z[n], zPart, (size_t)nPart);
      n += nPart;
    }
  }
  return n;
}

/* As deep as a document may be: the path of the innermost value, and one level
** more is too much. */
static void testDepth(void){
  enum { N = ORM_JSON_MAX_DEPTH };
  static char z[2*N + 4], zPath[3*N + 8];
  OrmErr err = { 0, 0 };
  OrmArena arena;
  OrmJson *p;
  int n = 0;
  ormArenaInit(&arena, &err);
  zPath[n++] = '$';
  for(int i=0; i<N; i++){
    memcpy(&zPath[n], "[0]", 3);
    n += 3;
    z[i] = '[';
    z[N + 1 + i] = ']';
  }
  z[N] = '7';
  p = ormJsonParse(&arena, z, 2*N + 1, "x");
  check(p!=0, "depth: the deepest document");
  while( p && p->pChild ) p = p->pChild;
  check(p && p->eType==ORM_JSON_INTEGER, "depth: its innermost value");
  if( p ) checkText(ormJsonPath(&arena, p), zPath, "depth: the path");
  if( p ) ormJsonErr(&err, p, "%s", "x");
  check(err.zMsg && strlen(err.zMsg)==(size_t)n + 8, "depth: an error there");
  ormErrClear(&err);
  z[N] = '[';
  z[N + 1] = ']';
  z[2*N + 1] = ']';
  for(int i=N+2; i<2*N+2; i++) z[i] = ']';
  p = ormJsonParse(&arena, z, 2*N + 2, "x");
  check(p==0 && err.zMsg && strstr(err.zMsg, "nested too deeply")!=0,
        "depth: one more");
  ormErrClear(&err);
  ormArenaFree(&arena);
}

static void testEscape(void){
  u8 *zIn = malloc(20010);
  char *zWant = malloc(130000);
  OrmErr err = { 0, 0 };
  OrmArena arena;
  OrmBuf buf;
  int nBad = 0, nBack = 0;
  ormArenaInit(&arena, &err);
  ormBufInit(&buf, &err);
  for(int i=0; i<60000; i++){
    i64 n = randomText(zIn, i%1000==0 ? 20000 : 1 + i%90);
    i64 nWant = naiveEscape(zWant, zIn, n);
    OrmJson *p;
    ormBufReset(&buf);
    ormJsonString(&buf, (const char*)zIn, n);
    nBad += buf.n!=nWant || memcmp(buf.z, zWant, (size_t)nWant)!=0;
    p = ormJsonParse(&arena, buf.z, buf.n, "x");
    nBack += p==0 || p->eType!=ORM_JSON_STRING;
    ormArenaFree(&arena);
  }
  check(nBad==0, "escape: as the plain way does it, 60000 texts");
  check(nBack==0, "escape: what is written can be read");
  ormBufReset(&buf);
  ormJsonString(&buf, "a\0b", 3);
  checkText(ormBufText(&buf), "\"a\\u0000b\"", "escape: NUL");
  ormBufReset(&buf);
  ormJsonBlob(&buf, "", 0);
  ormJsonBlob(&buf, "f", 1);
  ormJsonBlob(&buf, "fo", 2);
  ormJsonBlob(&buf, "foo", 3);
  ormJsonBlob(&buf, "\xff\xfe\xfd\0", 4);
  checkText(ormBufText(&buf), "\"\"\"Zg==\"\"Zm8=\"\"Zm9v\"\"//79AA==\"",
            "base64");
  ormErrClear(&err);
  ormBufFree(&buf);
  ormArenaFree(&arena);
  free(zIn);
  free(zWant);
}

/* --------------------------------------------------------------- doubles -- */

static void realIs(const char *zIn, double r){
  double rGot = ormRealParse(zIn, (i64)strlen(zIn));
  check(memcmp(&rGot, &r, 8)==0, zIn);
}

static void realTextIs(double r, const char *zWant){
  char z[ORM_REAL_TEXT + 1];
  z[ormRealText(z, r)] = 0;
  checkText(z, zWant, "real: text");
}

static void testReal(void){
  static char zLong[3000];
  static const struct { double r; const char *z; } aText[] = {
    { 0.0, "0.0" }, { -0.0, "-0.0" }, { 1.0, "1.0" }, { -1.5, "-1.5" },
    { 0.1, "0.1" }, { 100.0, "100.0" },
    { 0.30000000000000004, "0.30000000000000004" },
    { 1e14, "100000000000000.0" }, { 1e15, "1000000000000000.0" },
    { 1e16, "1.0e+16" }, { 1e100, "1.0e+100" }, { 0.0001, "0.0001" },
    { 0.00001, "1.0e-05" }, { 123456.789012, "123456.789012" },
    { 1.7976931348623157e308, "1.7976931348623157e+308" },
    { 2.2250738585072014e-308, "2.2250738585072014e-308" },
    { 5e-324, "4.94065645841247e-324" }, { 9007199254740993.0,
      "9007199254740992.0" }, { 3.14159265358979, "3.14159265358979" },
  };
  for(int i=0; i<ORM_COUNT(aText); i++) realTextIs(aText[i].r, aText[i].z);
  realIs("0.0", 0.0);
  realIs("-0", -0.0);
  realIs("1e400", INFINITY);
  realIs("-1e400", -INFINITY);
  realIs("1e99999999999999999999", INFINITY);
  realIs("1e-99999999999999999999", 0.0);
  realIs("0e99999999999999999999", 0.0);
  realIs("1.7976931348623158e308", 1.7976931348623157e308);
  realIs("1.7976931348623159e308", INFINITY);
  realIs("2.2250738585072011e-308", 2.225073858507201e-308);
  realIs("9007199254740993", 9007199254740992.0);
  realIs("9007199254740993.0000000000000000000000000000001",
         9007199254740994.0);
  realIs("9007199254740995", 9007199254740996.0);
  realIs("2.4703282292062327208e-324", 0.0);
  realIs("2.4703282292062328e-324", 5e-324);
  realIs("123456789012345678901234567890", 123456789012345678901234567890.0);
  /* The tie below the smallest double has 1075 digits; above it, a bit more. */
  strcpy(zLong, "0.");
  memset(&zLong[2], '0', 1500);
  strcpy(&zLong[1502], "1e1501");
  realIs(zLong, 1.0);
  memset(zLong, '9', 2000);
  strcpy(&zLong[2000], "e-2000");
  realIs(zLong, 1.0);
  /* A tie, and the same with a digit behind the first 800. */
  strcpy(zLong, "9007199254740993.");
  memset(&zLong[17], '0', 2000);
  zLong[2017] = 0;
  realIs(zLong, 9007199254740992.0);
  strcpy(&zLong[2017], "1");
  realIs(zLong, 9007199254740994.0);
}

/* Doubles of several kinds, written by us and read by us and by libc; and
** decimal texts of any length, read by both. */
static void randomReal(int n, u64 iSeed){
  int nBad = 0, nLong = 0;
  iRandom ^= iSeed*0x9e3779b97f4a7c15u;
  for(int i=0; i<n; i++){
    u64 u = nextRandom();
    char z[64];
    double r, rBack;
    int nText;
    if( i%4==1 ) u = (u & 0x800fffffffffffffu) | (u64)(1023 + i%64 - 32)<<52;
    memcpy(&r, &u, 8);
    if( i%4==2 ) r = (double)(i64)(u>>20)/100000.0;
    if( i%4==3 ) r = (double)(u>>(u&63)) + 0.5;
    if( isnan(r) || isinf(r) ) continue;
    nText = ormRealText(z, r);
    z[nText] = 0;
    rBack = strtod(z, 0);
    if( memcmp(&rBack, &r, 8)!=0 || nText>ORM_REAL_TEXT ) nBad++;
    rBack = ormRealParse(z, nText);
    if( memcmp(&rBack, &r, 8)!=0 || !readable(z, nText) ) nBad++;
  }
  for(int i=0; i<n; i++){
    char z[200];
    double r1, r2;
    int nDigit = 1 + (int)(nextRandom()%40), k = 0;
    for(int j=0; j<nDigit; j++){
      z[k++] = (char)('0' + nextRandom()%10);
      if( j==0 ) z[k++] = '.';
    }
    sprintf(&z[k], "e%d", (int)(nextRandom()%660) - 340);
    r1 = strtod(z, 0);
    r2 = ormRealParse(z, (i64)strlen(z));
    if( memcmp(&r1, &r2, 8)!=0 ) nLong++;
  }
  check(nBad==0, "real: written and read back");
  check(nLong==0, "real: long decimals as libc reads them");
}

/* Exact ties between two doubles, and their neighbours: what only the big
** integers can decide. */
static void testTies(int n){
  int nBad = 0;
  for(int i=0; i<n; i++){
    u64 u = nextRandom() & 0x7fffffffffffffffu;
    char z[1300];
    double r, rNext, rGot, rWant;
    long double rTie;
    int nText;
    if( i%2 ) u = (u & 0x000fffffffffffffu) | (u64)(1023 + i%200 - 100)<<52;
    if( (u>>52)>=0x7fe ) continue;
    memcpy(&r, &u, 8);
    u++;
    memcpy(&rNext, &u, 8);
    rTie = ((long double)r + (long double)rNext)/2;
    nText = snprintf(z, sizeof(z), "%.1150Lg", rTie);
    rWant = strtod(z, 0);
    rGot = ormRealParse(z, nText);
    if( memcmp(&rGot, &rWant, 8)!=0 ) nBad++;
    strcpy(strchr(z, 'e') ? strchr(z, 'e') : &z[nText], "");
    if( strchr(z, '.') ){
      nText = (int)strlen(z);
      strcpy(&z[nText], "1");
      if( ormRealParse(z, nText+1)!=strtod(z, 0) ) nBad++;
    }
  }
  check(nBad==0, "real: ties");
}

/* ----------------------------------------------------------- suggestions -- */

static const char *aName(const void *pArg, int i){
  static const char *az[] = { "some", "every", "none", "startswith", "email",
    "is_active", "name", "", "nam",
    "a_name_that_is_far_longer_than_any_that_is_compared_with_others_here", 0 };
  (void)pArg;
  return az[i];
}

static void testNearest(void){
  static const struct { const char *z, *zNear; } a[] = {
    { "soem", "some" }, { "SOME", "some" }, { "emial", "email" },
    { "startwith", "startswith" }, { "isactive", "is_active" },
    { "naem", "name" }, { "a_name_that_is_far_longer_than_any_that_is_compared"
      "_with_others_here", 0 }, { "nothing_like_it", 0 }, { "xyz", 0 },
    { "", 0 },
  };
  for(int i=0; i<ORM_COUNT(a); i++){
    const char *z = ormNearest(a[i].z, (i64)strlen(a[i].z), aName, 0);
    checkText(z ? z : "(none)", a[i].zNear ? a[i].zNear : "(none)", a[i].z);
  }
}

/* ---------------------------------------------------- on a connection -- */

typedef struct Job Job;
struct Job {
  const char *zSql;
  int rc;                       /* fail with this at the end                  */
  Job *pInner;                  /* run this in an anchor of its own           */
  int bIgnore;                  /* go on when the inner one fails             */
};

static void runJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  Job *p = (Job*)pArg;
  ormStmtExec(pOrm, pErr, p->zSql);
  if( p->pInner ){
    OrmErr inner = { 0, 0 };
    ormAnchorRun(pOrm, p->bIgnore ? &inner : pErr, runJob, p->pInner);
    ormErrClear(&inner);
  }
  if( p->rc ) ormErr(pErr, p->rc, "orm: the job failed");
}

/* A value of one statement. */
static i64 value(sqlite3 *db, const char *zSql){
  sqlite3_stmt *p = 0;
  i64 i = -1;
  if( sqlite3_prepare_v2(db, zSql, -1, &p, 0)==SQLITE_OK
   && sqlite3_step(p)==SQLITE_ROW ) i = sqlite3_column_int64(p, 0);
  sqlite3_finalize(p);
  return i;
}

static void run(sqlite3 *db, const char *zSql){
  char *zErr = 0;
  if( sqlite3_exec(db, zSql, 0, 0, &zErr)!=SQLITE_OK ){
    check(0, zErr ? zErr : zSql);
    sqlite3_free(zErr);
  }
}

static void testAnchor(sqlite3 *db, Orm *pOrm){
  OrmErr err = { 0, 0 };
  Job fine = { "INSERT INTO t VALUES(1)", 0, 0, 0 };
  Job bad = { "INSERT INTO t VALUES(2)", SQLITE_CONSTRAINT, 0, 0 };
  Job outer = { "INSERT INTO t VALUES(3)", 0, 0, 0 };
  run(db, "CREATE TABLE t(a UNIQUE ON CONFLICT ABORT);"
          "CREATE TABLE u(a UNIQUE ON CONFLICT ROLLBACK)");
  for(int bTransaction=0; bTransaction<2; bTransaction++){
    run(db, "DELETE FROM t");
    if( bTransaction ) run(db, "BEGIN");
    ormAnchorRun(pOrm, &err, runJob, &fine);
    check(err.rc==0 && value(db, "SELECT count(*) FROM t")==1, "anchor: done");
    check(sqlite3_last_insert_rowid(db)==value(db, "SELECT max(rowid) FROM t"),
          "anchor: last_insert_rowid is the job's");
    ormAnchorRun(pOrm, &err, runJob, &bad);
    check(err.rc==SQLITE_CONSTRAINT, "anchor: the job's code");
    checkText(err.zMsg, "orm: the job failed", "anchor: the job's message");
    ormErrClear(&err);
    check(value(db, "SELECT count(*) FROM t")==1, "anchor: undone");
    ormAnchorRun(pOrm, &err, runJob, &fine);
    check(err.rc==SQLITE_CONSTRAINT_UNIQUE, "anchor: SQLite's code");
    checkText(err.zMsg, "UNIQUE constraint failed: t.a", "anchor: its message");
    ormErrClear(&err);
    outer.pInner = &bad;
    outer.bIgnore = 0;
    ormAnchorRun(pOrm, &err, runJob, &outer);
    check(err.rc==SQLITE_CONSTRAINT && value(db, "SELECT count(*) FROM t")==1,
          "anchor: the inner failure undoes the outer one");
    checkText(err.zMsg, "orm: the job failed", "anchor: the inner message");
    ormErrClear(&err);
    outer.bIgnore = 1;
    ormAnchorRun(pOrm, &err, runJob, &outer);
    check(err.rc==0 && value(db, "SELECT group_concat(a, '') FROM t")==13,
          "anchor: an inner failure that is handled undoes only itself");
    if( bTransaction ) run(db, "COMMIT");
    check(value(db, "SELECT count(*) FROM t")==2, "anchor: after it all");
  }
}

/* A constraint that rolls the caller's transaction back is never hidden. */
static void testRollback(sqlite3 *db, Orm *pOrm){
  OrmErr err = { 0, 0 };
  Job job = { "INSERT INTO u VALUES(1)", 0, 0, 0 };
  run(db, "INSERT INTO u VALUES(1); BEGIN; INSERT INTO u VALUES(7)");
  ormAnchorRun(pOrm, &err, runJob, &job);
  check(err.rc==SQLITE_ABORT_ROLLBACK, "anchor: the transaction is gone");
  check(err.zMsg && strstr(err.zMsg, "UNIQUE")!=0, "anchor: and why");
  ormErrClear(&err);
  check(sqlite3_get_autocommit(db) && value(db, "SELECT count(*) FROM u")==1,
        "anchor: rolled back");
}

/* Tables of the file that have taken our names are found out. */
static void testShadow(sqlite3 *db, Orm *pOrm){
  static const char *azName[] = { "orm_anchor(job)", "orm_keys(i, k0, list)" };
  for(int i=0; i<2; i++){
    OrmErr err = { 0, 0 };
    Job job = { "INSERT INTO t VALUES(99)", 0, 0, 0 };
    char *z = sqlite3_mprintf("CREATE TABLE %s", azName[i]);
    run(db, z);
    sqlite3_free(z);
    if( i==0 ){
      ormAnchorRun(pOrm, &err, runJob, &job);
      check(value(db, "SELECT count(*) FROM t WHERE a=99")==0,
            "shadow: not run");
      run(db, "DROP TABLE orm_anchor");
    }else{
      i64 aInt[] = { 1 };
      OrmKeys keys = { 1, 1, aInt, 0, 0, 0, 0, 0, 0 };
      OrmStmt *p = ormStmtTake(pOrm, &err,
          "SELECT k0 FROM orm_keys WHERE list=?1", -1);
      ormKeysBind(&err, p, 1, &keys);
      check(!ormStmtStep(pOrm, &err, p), "shadow: no row");
      ormStmtGive(pOrm, &err, p);
      ormKeysCheck(&err, &keys);
      run(db, "DROP TABLE orm_keys");
    }
    check(err.rc==SQLITE_ERROR && err.zMsg && strstr(err.zMsg, "named orm_"),
          "shadow: an error names the table");
    ormErrClear(&err);
  }
}

typedef struct Collector { OrmSink base; Orm *pOrm; i64 iSum; int nCol;
                           int iFailAt; int iDepth; } Collector;

static void collect(OrmSink *pSink, int nVal, sqlite3_value **apVal){
  Collector *p = (Collector*)pSink;
  p->nCol = nVal;
  p->iSum += sqlite3_value_int64(apVal[0]);
  if( p->iFailAt && pSink->nRow==p->iFailAt ){
    ormErr(pSink->pErr, SQLITE_CONSTRAINT, "orm: stop here");
  }
  if( p->iDepth>0 ){
    Collector inner = { { collect, pSink->pErr, 0, 0 }, p->pOrm, 0, 0, 0,
                        p->iDepth - 1 };
    OrmStmt *pStmt = ormStmtTake(p->pOrm, pSink->pErr,
        "SELECT orm_emit(a, 2) FROM num", -1);
    ormEmitRun(p->pOrm, pSink->pErr, pStmt, &inner.base);
    ormStmtGive(p->pOrm, pSink->pErr, pStmt);
    check(inner.iSum==6 && inner.base.nRow==3, "emit: nested");
  }
}

/* As it is called: by a function of SQL, whose connection holds its mutex, so
** that values of a row that is pulled may be read. */
static void emitRun(Orm *pOrm, OrmErr *pErr, OrmStmt *pStmt, OrmSink *pSink){
  sqlite3_mutex_enter(sqlite3_db_mutex(pOrm->db));
  ormEmitRun(pOrm, pErr, pStmt, pSink);
  sqlite3_mutex_leave(sqlite3_db_mutex(pOrm->db));
}

static void testEmit(sqlite3 *db, Orm *pOrm){
  OrmErr err = { 0, 0 };
  OrmBuf sql;
  Collector c = { { collect, &err, 0, 0 }, pOrm, 0, 0, 0, 2 };
  OrmStmt *p;
  run(db, "CREATE TABLE num(a); INSERT INTO num VALUES(1),(2),(3)");
  p = ormStmtTake(pOrm, &err, "SELECT orm_emit(a, 2) FROM num", -1);
  emitRun(pOrm, &err, p, &c.base);
  ormStmtGive(pOrm, &err, p);
  check(err.rc==0 && c.iSum==6 && c.base.nRow==3 && c.nCol==2, "emit: rows");
  check(pOrm->pSink==0, "emit: the sink is put back");
  c.base.nRow = 0;
  c.iDepth = 0;
  c.iFailAt = 2;
  p = ormStmtTake(pOrm, &err, "SELECT orm_emit(a, 2) FROM num", -1);
  emitRun(pOrm, &err, p, &c.base);
  ormStmtGive(pOrm, &err, p);
  check(c.base.nRow==2, "emit: a failed sink stops the statement");
  check(err.rc==SQLITE_CONSTRAINT, "emit: the sink's code");
  checkText(err.zMsg, "orm: stop here", "emit: the sink's message");
  ormErrClear(&err);
  /* Wider than the arguments of a function: a plain SELECT. */
  check(ormEmitCanPush(pOrm, 10) && !ormEmitCanPush(pOrm, 2000), "emit: limit");
  ormBufInit(&sql, &err);
  ormBufAdd(&sql, "SELECT a", -1);
  for(int i=1; i<1500; i++) ormBufPrintf(&sql, ",%d", i);
  ormBufAdd(&sql, " FROM num", -1);
  memset(&c, 0, sizeof(c));
  c.base.xRow = collect;
  c.base.pErr = &err;
  p = ormStmtTake(pOrm, &err, ormBufText(&sql), -1);
  emitRun(pOrm, &err, p, &c.base);
  ormStmtGive(pOrm, &err, p);
  check(err.rc==0 && c.iSum==6 && c.base.nRow==3 && c.nCol==1500,
        "emit: pulled");
  ormBufFree(&sql);
  c.base.nRow = 0;
  emitRun(pOrm, &err, 0, &c.base);
  check(err.rc==0 && c.base.nRow==0, "emit: no statement, no row");
}

static void testKeys(sqlite3 *db, Orm *pOrm){
  static const char zSql[] =
    "SELECT k.i, num.a, k.k1 FROM orm_keys(?1) AS k"
    " CROSS JOIN num ON num.a=k.k0 ORDER BY k.i";
  OrmErr err = { 0, 0 };
  i64 aInt[] = { 3, 30, 1, 10, 9, 90 };
  int aiPos[] = { 4, 7, 8 };
  OrmKeys keys = { 2, 3, aInt, 0, 0, aiPos, 0, 0, 0 };
  OrmStmt *p = ormStmtTake(pOrm, &err, zSql, -1);
  i64 iSum = 0;
  ormKeysBind(&err, p, 1, &keys);
  while( ormStmtStep(pOrm, &err, p) ){
    iSum = iSum*1000 + sqlite3_column_int64(p->p, 0)*100
         + sqlite3_column_int64(p->p, 1)*10 + sqlite3_column_int64(p->p, 2)/10;
  }
  check(sqlite3_stmt_status(p->p, SQLITE_STMTSTATUS_SORT, 0)==0,
        "keys: ORDER BY i needs no sorting");
  ormStmtGive(pOrm, &err, p);
  ormKeysCheck(&err, &keys);
  check(err.rc==0 && keys.bUsed && iSum==433711, "keys: joined, in order");
  p = ormStmtTake(pOrm, &err, "SELECT rowid, k0, k5 FROM orm_keys(?1) AS k"
      " WHERE k.i>=7 ORDER BY i DESC, k0", -1);
  ormKeysBind(&err, p, 1, &keys);
  check(ormStmtStep(pOrm, &err, p) && sqlite3_column_int64(p->p, 0)==2
     && sqlite3_column_int64(p->p, 1)==9
     && sqlite3_column_type(p->p, 2)==SQLITE_NULL,
        "keys: rowid, the last first, a column that the list has not");
  ormStmtGive(pOrm, &err, p);
  p = ormStmtTake(pOrm, &err, "SELECT i FROM orm_keys(?1) ORDER BY k0", -1);
  ormKeysBind(&err, p, 1, &keys);
  check(ormStmtStep(pOrm, &err, p) && sqlite3_column_int64(p->p, 0)==7,
        "keys: sorted by another column");
  ormStmtGive(pOrm, &err, p);
  p = ormStmtTake(pOrm, &err, "SELECT k0 FROM orm_keys(?1) ORDER BY i DESC",
                  -1);
  ormKeysBind(&err, p, 1, &keys);
  check(ormStmtStep(pOrm, &err, p) && sqlite3_column_int64(p->p, 0)==9,
        "keys: the other way round");
  ormStmtGive(pOrm, &err, p);
  check(value(db, "SELECT count(*) FROM num LEFT JOIN orm_keys k"
                  " ON k.list=num.a AND k.i=num.a")==3,
        "keys: a list from a row before is none");
  check(value(db, "SELECT count(*) FROM orm_keys WHERE list>5")==0
     && value(db, "SELECT 1 FROM orm_keys k CROSS JOIN num ON k.list=num.a")
        ==-1, "keys: a list that comes too late cannot be");
  ormKeysBind(&err, 0, 1, &keys);
  check(err.rc==0, "keys: no statement, nothing to bind");
  check(value(db, "SELECT count(*) FROM orm_keys(5)")==0
     && value(db, "SELECT count(*) FROM orm_keys")==0, "keys: empty by hand");
}

static void testStatements(sqlite3 *db, Orm *pOrm){
  OrmErr err = { 0, 0 };
  OrmStmt *p1 = ormStmtTake(pOrm, &err, "SELECT ?1+1", -1);
  OrmStmt *p2 = ormStmtTake(pOrm, &err, "SELECT ?1+1", -1);
  sqlite3_stmt *pUser = 0;
  check(p1 && p2 && p1!=p2 && p1->p!=p2->p, "stmt: on loan once");
  ormStmtGive(pOrm, &err, p1);
  check(ormStmtTake(pOrm, &err, "SELECT ?1+1", -1)==p1, "stmt: found again");
  ormStmtGive(pOrm, &err, p1);
  ormStmtGive(pOrm, &err, p2);
  check(ormStmtTake(pOrm, &err, "SELEC", -1)==0 && err.rc==SQLITE_ERROR
     && err.zMsg, "stmt: a syntax error");
  check(ormStmtTake(pOrm, &err, "SELECT 1", -1)==0, "stmt: nothing after it");
  ormErrClear(&err);
  for(int i=0; i<1000; i++) ormStmtExecf(pOrm, &err, "SELECT %d", i);
  check(err.rc==0, "stmt: a thousand texts");
  ormStmtExec(pOrm, &err, "SELECT 1 UNION ALL SELECT 2");
  check(err.rc==0, "stmt: rows that nobody wants");
  /* A cursor of the application keeps the connection open; then all works. */
  sqlite3_prepare_v2(db, "SELECT * FROM num", -1, &pUser, 0);
  sqlite3_step(pUser);
  p1 = ormStmtTake(pOrm, &err, "SELECT 5", -1);
  check(sqlite3_close(db)==SQLITE_BUSY && pOrm->pStmts==0,
        "stmt: close is refused, the cache is gone");
  check(ormStmtStep(pOrm, &err, p1), "stmt: one on loan still works");
  ormStmtGive(pOrm, &err, p1);
  p1 = ormStmtTake(pOrm, &err, "SELECT 6", -1);
  check(p1 && ormStmtStep(pOrm, &err, p1) && pOrm->pStmts,
        "stmt: cache is back");
  ormStmtGive(pOrm, &err, p1);
  sqlite3_finalize(pUser);
}

/* --------------------------------------------------------------- results -- */

/* digits(N [, ROOM]): N bytes of JSON, for which room is made ahead; a negative
** N is an error after as many. */
static void digits(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  Orm *pOrm = (Orm*)sqlite3_user_data(pCtx);
  i64 n = sqlite3_value_int64(apArg[0]);
  OrmErr err = { 0, 0 };
  OrmBuf buf;
  ormResultBegin(pOrm, &err, &buf);
  ormResultAhead(&buf, nArg>1 ? sqlite3_value_int64(apArg[1]) : 10);
  for(i64 i=0; i<(n<0 ? -n : n); i++) ormBufChar(&buf, (char)('1' + i%9));
  if( n<0 ) ormErr(&err, SQLITE_ERROR, "no digits");
  if( n!=0 ) ormResultGive(pCtx, pOrm, &buf);
  ormResultEnd(pOrm, &buf);
  ormErrClear(&err);
}

static int noPragma(void *pArg, int eAction, const char *z1, const char *z2,
                    const char *z3, const char *z4){
  ORM_UNUSED(pArg);  ORM_UNUSED(z1);  ORM_UNUSED(z2);  ORM_UNUSED(z3);
  ORM_UNUSED(z4);
  return eAction==SQLITE_PRAGMA ? SQLITE_DENY : SQLITE_OK;
}

/* What stays after a result of n digits that nobody had before. */
static i64 spareAfter(sqlite3 *db, Orm *pOrm, i64 n){
  char *zSql = sqlite3_mprintf("SELECT length(digits(%lld))", n);
  sqlite3_free(pOrm->zSpare);
  pOrm->zSpare = 0;
  pOrm->nSpare = 0;
  check(value(db, zSql)==(int)n, "result: its length");
  sqlite3_free(zSql);
  return pOrm->nSpare;
}

static int runs(sqlite3 *db, const char *zSql){
  return sqlite3_exec(db, zSql, 0, 0, 0);
}

static void testResults(sqlite3 *db, Orm *pOrm){
  sqlite3_stmt *p = 0;
  const char *zMemory;
  int bSame = 1;
  pOrm->nRef++;
  sqlite3_create_function_v2(db, "digits", -1, SQLITE_UTF8, pOrm, digits, 0, 0,
                             ormUnref);

  /* Memory goes round, and never to two at a time. */
  check(spareAfter(db, pOrm, 2000)>2000, "result: its memory stays");
  zMemory = pOrm->zSpare;
  check(value(db, "SELECT length(digits(20))")==20
        && pOrm->zSpare==zMemory, "result: the next one has it");
  check(value(db, "SELECT digits(3)||digits(5)||digits(4)='12312345'||'1234'"),
        "result: several at a time");
  sqlite3_prepare_v2(db, "SELECT digits(30), digits(7)", -1, &p, 0);
  sqlite3_step(p);
  for(int i=1; i<50; i++) bSame &= value(db, "SELECT digits(9)")==123456789;
  check(bSame && strcmp((const char*)sqlite3_column_text(p, 0),
                        "123456789123456789123456789123")==0
        && sqlite3_column_int(p, 1)==1234567, "result: one that is held");
  sqlite3_finalize(p);
  check(value(db, "SELECT sum(length(digits(column1))) FROM"
              " (VALUES (10), (3000), (1), (500))")==3511, "result: one a row");

  /* How much stays. */
  check(spareAfter(db, pOrm, 3000000)>3000000,
        "result: 3 MB stay");
  check(spareAfter(db, pOrm, 5000000)==0, "result: more than 4 MB goes");
  check(value(db, "SELECT digits(3, 4194288)")==123 && pOrm->nSpare==4<<20,
        "result: 4 MB of which little was needed stay");
  check(value(db, "SELECT digits(3, 4194289)")==123 && pOrm->nSpare==0,
        "result: more than 4 MB of which little was needed goes");
  runs(db, "PRAGMA main.cache_size = -20000");
  check(spareAfter(db, pOrm, 5000000)>5000000, "result: KB of cache_size");
  check(spareAfter(db, pOrm, 21000000)==0, "result: more than cache_size");
  check(value(db, "SELECT digits(3, 20479984)")==123
        && pOrm->nSpare==20000*1024, "result: exactly cache_size");
  check(value(db, "SELECT digits(3, 20479985)")==123 && pOrm->nSpare==0,
        "result: a byte more");
  runs(db, "PRAGMA main.cache_size = 5000");
  check(spareAfter(db, pOrm, 5000000)>5000000, "result: pages of cache_size");
  sqlite3_set_authorizer(db, noPragma, 0);
  check(spareAfter(db, pOrm, 5000000)==0, "result: PRAGMA is forbidden");
  check(sqlite3_errcode(db)==SQLITE_OK, "result: which is no error");
  sqlite3_set_authorizer(db, 0, 0);

  /* How long. */
  check(spareAfter(db, pOrm, 5000000)>5000000, "result: much stays,");
  for(int i=1; i<98; i++) value(db, "SELECT digits(3)");
  check(pOrm->nSpare>5000000, "result: and stays,");
  check(value(db, "SELECT digits(3)||digits(2)='123'||'12'"),
        "result: a copy ends where its text does,");
  check(value(db, "SELECT length(digits(4000000))")==4000000,
        "result: as one needs it,");
  for(int i=1; i<100; i++) value(db, "SELECT digits(3)");
  check(pOrm->nSpare>5000000, "result: and still,");
  value(db, "SELECT digits(3)");
  check(pOrm->nSpare==0, "result: but not after 100 that need little of it");
  for(int i=1; i<100; i++) value(db, "SELECT digits(3, 3000000)");
  check(pOrm->nSpare>3000000, "result: which are counted anew");

  /* What is no result. */
  check(spareAfter(db, pOrm, 2000)>2000, "result: some stays");
  check(value(db, "SELECT digits(0) IS NULL") && pOrm->nSpare>2000,
        "result: none, its memory stays");
  check(runs(db, "SELECT digits(-5000000)")==SQLITE_ERROR && pOrm->nSpare==0,
        "result: an error, it goes");
  check(strcmp(sqlite3_errmsg(db), "no digits")==0, "result: which is told");
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1000);
  check(runs(db, "SELECT digits(1001)")==SQLITE_TOOBIG && pOrm->nSpare>1000,
        "result: too long for SQLite");
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1000000000);
  runs(db, "PRAGMA main.cache_size = -2000");
}

/* The state goes with the last result, if it is the last that holds it. */
static void testLastResult(void){
  sqlite3 *db = 0;
  sqlite3_stmt *p = 0;
  Orm *pOrm = sqlite3_malloc64(sizeof(*pOrm));
  memset(pOrm, 0, sizeof(*pOrm));
  sqlite3_open(":memory:", &db);
  runs(db, "PRAGMA encoding = 'UTF-16'; CREATE TABLE t(a)");
  pOrm->db = db;
  pOrm->nRef = 2;
  sqlite3_create_function_v2(db, "digits", 1, SQLITE_UTF8, pOrm, digits, 0, 0,
                             ormUnref);
  runs(db, "INSERT INTO t VALUES (digits(12))");
  check(value(db, "SELECT a='123456789123' FROM t"), "result: in UTF-16");
  check(sqlite3_close(db)==SQLITE_OK, "result: the connection closes");
  check(pOrm->nRef==1, "result: none is left");
  sqlite3_open(":memory:", &db);
  pOrm->db = db;
  sqlite3_create_function_v2(db, "digits", 1, SQLITE_UTF8, pOrm, digits, 0, 0,
                             ormUnref);
  sqlite3_prepare_v2(db, "SELECT digits(5)", -1, &p, 0);
  sqlite3_step(p);
  check(pOrm->nRef==2, "result: it holds the state");
  sqlite3_close_v2(db);
  check(strcmp((const char*)sqlite3_column_text(p, 0), "12345")==0,
        "result: of a connection that was closed");
  sqlite3_finalize(p);
  check(sqlite3_memory_used()==0, "result: the last one takes all with it");
}

/* A statement of the application on our context outlives the disconnecting of
** a close that is refused; then another context is made, which counts. */
static void testContext(sqlite3 *db, Orm *pOrm){
  OrmErr err = { 0, 0 };
  sqlite3_stmt *pUser = 0;
  OrmStmtCache *pStmts;
  ormStmtExec(pOrm, &err, "SELECT 1");
  sqlite3_prepare_v2(db, "SELECT * FROM orm_context", -1, &pUser, 0);
  check(sqlite3_close(db)==SQLITE_BUSY, "context: the close is refused");
  check(value(db, "SELECT count(*) FROM orm_context")==0, "context: anew");
  ormStmtExec(pOrm, &err, "SELECT 1");
  pStmts = pOrm->pStmts;
  sqlite3_finalize(pUser);
  check(err.rc==0 && pStmts && pOrm->pStmts==pStmts,
        "context: the end of the old one leaves the new one alone");
}

static int nDropped = 0;
static void dropped(Orm *pOrm){
  check(pOrm->pStmts!=0, "context: statements go after what uses them");
  nDropped++;
}

/* The state that orm.c would make, with what core alone registers. */
static Orm *newOrm(sqlite3 *db){
  Orm *pOrm = sqlite3_malloc64(sizeof(*pOrm));
  static const struct { const char *z; const sqlite3_module *p; } a[] = {
    { "orm_context", &ormContextModule }, { "orm_keys", &ormKeysModule },
    { "orm_anchor", &ormAnchorModule },
  };
  memset(pOrm, 0, sizeof(*pOrm));
  pOrm->db = db;
  pOrm->nRef = 5;
  ormConfigInit(pOrm);
  sqlite3_create_function_v2(db, "orm_emit", -1, SQLITE_UTF8, pOrm, 0,
                             ormEmitStep, ormEmitFinal, ormUnref);
  for(int i=0; i<3; i++){
    sqlite3_create_module_v2(db, a[i].z, a[i].p, pOrm, ormUnref);
  }
  return pOrm;
}

static void testConnection(void){
  OrmErr err = { 0, 0 };
  sqlite3 *db = 0;
  Orm *pOrm;
  sqlite3_open(":memory:", &db);
  pOrm = newOrm(db);
  ormContextOnDrop(pOrm, &err, dropped);
  ormContextOnDrop(pOrm, &err, dropped);
  ormErrDb(&err, db, SQLITE_BUSY);
  checkText(err.zMsg, sqlite3_errstr(SQLITE_BUSY),
            "err: not the connection's, that is of something else");
  ormErrClear(&err);
  testAnchor(db, pOrm);
  testRollback(db, pOrm);
  testShadow(db, pOrm);
  testEmit(db, pOrm);
  testKeys(db, pOrm);
  testStatements(db, pOrm);
  testResults(db, pOrm);
  testContext(db, pOrm);
  check(nDropped==1, "context: each hook is called once");
  check(sqlite3_close(db)==SQLITE_OK, "context: the connection closes");
  check(pOrm->nRef==1, "context: all registrations have let go");
  ormUnref(pOrm);
  check(sqlite3_memory_used()==0, "context: no memory is left");
  testLastResult();
}

/* ---------------------------------------------------------------- faults -- */

/* One allocation of SQLite's fails. */
static sqlite3_mem_methods realMemory;
static int nUntilFault = 0, nFault = 0;
static int bWhole = 1;          /* nothing half done, all closed              */

static int strikes(void){
  if( nUntilFault==0 || --nUntilFault>0 ) return 0;
  nFault++;
  return 1;
}
static void *faultMalloc(int n){
  return strikes() ? 0 : realMemory.xMalloc(n);
}
static void *faultRealloc(void *p, int n){
  return strikes() ? 0 : realMemory.xRealloc(p, n);
}

static void faultInstall(void){
  sqlite3_mem_methods mem;
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &realMemory);
  mem = realMemory;
  mem.xMalloc = faultMalloc;
  mem.xRealloc = faultRealloc;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &mem);
}

/* Each body gives 1 when all it made is right; it may look at err. */
static int faultBuf(OrmErr *pErr){
  static char aLong[9000];
  OrmBuf buf;
  char *z;
  i64 n;
  int bOk;
  memset(aLong, 'x', sizeof(aLong));
  ormBufInit(&buf, pErr);
  ormBufPrintf(&buf, "%d", 7);
  ormBufColumn(&buf, "a", "b");
  ormBufLiteral(&buf, "it's");
  ormJsonString(&buf, aLong, sizeof(aLong));
  ormJsonBlob(&buf, aLong, sizeof(aLong));
  for(int i=0; i<4000; i++) ormJsonReal(&buf, 0.5);
  ormBufInt(&buf, 12);
  for(int i=0; i<40000; i++) ormBufChar(&buf, 'c');
  (void)ormBufText(&buf);
  z = ormBufTake(&buf, &n);
  bOk = z && n==13 + 9002 + 12002 + 12000 + 2 + 40000 && z[n]==0;
  sqlite3_free(z);
  ormBufFree(&buf);
  return bOk;
}

static int faultJson(OrmErr *pErr){
  static const char zDoc[] = "{\"a b\": [1, \"x\\ty\"], \"c\": -1.5e3}";
  OrmArena arena;
  OrmJson *p, *pPlain;
  OrmErr err = { 0, 0 };
  int bOk;
  ormArenaInit(&arena, pErr);
  p = ormJsonParse(&arena, zDoc, (i64)strlen(zDoc), "x");
  pPlain = ormJsonPlain(&arena, "plain", 5);
  bOk = p && pPlain && pPlain->n==5 && p->pChild->pChild->pNext->n==3;
  if( p ){
    const char *z = ormJsonPath(&arena, p->pChild->pChild);
    bOk = bOk && strcmp(z, "$[\"a b\"][0]")==0;
    ormJsonErr(&err, p->pChild->pChild, "no %s", "way");
    if( err.rc==SQLITE_NOMEM ) ormErrOom(pErr);
    bOk = bOk && err.zMsg && strcmp(err.zMsg, "orm: $[\"a b\"][0]: no way")==0;
    ormErrClear(&err);
  }
  for(int i=0; i<200; i++){
    bOk = ormArenaText(&arena, zDoc, -1) && bOk;
    bOk = ormArenaPrintf(&arena, "%d", i) && bOk;
    bOk = ormArenaAlloc(&arena, 4000) && bOk;
  }
  ormArenaReset(&arena);
  bOk = ormArenaAlloc(&arena, 10) && bOk;
  ormArenaFree(&arena);
  return bOk;
}

static int faultErr(OrmErr *pErr){
  OrmErr err = { 0, 0 };
  int bOk;
  ormErr(&err, SQLITE_CONSTRAINT, "orm: %s", "x");
  ormErrPrefix(&err, "orm: %s: ", "$.a");
  bOk = err.rc==SQLITE_CONSTRAINT && strcmp(err.zMsg, "orm: $.a: x")==0;
  if( !bOk && err.rc==SQLITE_NOMEM && err.zMsg==0 ) ormErrOom(pErr);
  ormErrClear(&err);
  return bOk;
}

/* Values of each kind into a statement, and wide rows through a sink. */
static void faultWork(Orm *pOrm, OrmErr *pErr, i64 *piSum){
  OrmArena arena;
  OrmBinds binds = { &arena, 0, 0, 0 };
  Collector c = { { collect, pErr, 0, 0 }, pOrm, 0, 0, 0, 0 };
  i64 aInt[] = { 1, 2 };
  OrmKeys keys = { 1, 2, aInt, 0, 0, 0, 0, 0, 0 };
  OrmBuf sql;
  OrmStmt *p;
  ormArenaInit(&arena, pErr);
  for(int i=0; i<5; i++){
    ormBindInt(&binds, i);
    ormBindReal(&binds, 0.5);
    ormBindText(&binds, "text", -1);
    ormBindBlob(&binds, "", 0);
    ormBindNull(&binds);
  }
  p = ormStmtTakef(pOrm, pErr, "SELECT ?1 + ?2 + length(?3) + length(?4)"
                   " + (?5 IS NULL) + ?21 + ifnull(?%d, 0)", 25);
  ormBindAll(pErr, p, 1, &binds);
  if( ormStmtStep(pOrm, pErr, p) ) *piSum += sqlite3_column_int64(p->p, 0);
  ormStmtGive(pOrm, pErr, p);
  p = ormStmtTake(pOrm, pErr, "SELECT k0 FROM orm_keys(?1)", -1);
  ormKeysBind(pErr, p, 1, &keys);
  while( ormStmtStep(pOrm, pErr, p) ) *piSum += sqlite3_column_int64(p->p, 0);
  ormStmtGive(pOrm, pErr, p);
  ormKeysCheck(pErr, &keys);
  keys.bUsed = 0;               /* as if it had not been read: looked for     */
  ormKeysCheck(pErr, &keys);
  ormBufInit(&sql, pErr);
  ormBufAdd(&sql, "SELECT 5", -1);
  for(int i=1; i<200; i++) ormBufPrintf(&sql, ",%d", i);
  p = ormStmtTake(pOrm, pErr, ormBufText(&sql), sql.n);
  emitRun(pOrm, pErr, p, &c.base);
  ormStmtGive(pOrm, pErr, p);
  ormStmtExecf(pOrm, pErr, "SELECT %d", 1);
  *piSum += c.iSum;
  ormBufFree(&sql);
  ormArenaFree(&arena);
}

static int faultConnection(OrmErr *pErr){
  sqlite3 *db = 0;
  Orm *pOrm;
  i64 iSum = 0;
  int nLeft = nUntilFault, bOk, bDone;
  char zNow[32] = "";
  Job job = { "CREATE TABLE t(a)", 0, 0, 0 };
  nUntilFault = 0;
  sqlite3_open(":memory:", &db);
  pOrm = newOrm(db);
  pOrm->aConfig[ORM_CONFIG_LOG] = 1;
  nUntilFault = nLeft;
  ormContextOnDrop(pOrm, pErr, dropped);
  faultWork(pOrm, pErr, &iSum);
  ormAnchorRun(pOrm, pErr, runJob, &job);
  bDone = pErr->rc==SQLITE_OK;
  ormNow(pOrm, pErr, zNow, 1);
  bOk = iSum==0 + 4 + 0 + 1 + 4 + 3 + 5 && strlen(zNow)==23;
  nLeft = nUntilFault;
  nUntilFault = 0;
  /* All of the job or nothing. */
  bWhole &= value(db, "SELECT count(*) FROM sqlite_schema")==bDone;
  bWhole &= sqlite3_close(db)==SQLITE_OK;
  ormUnref(pOrm);
  nUntilFault = nLeft;
  return bOk;
}

/* Every allocation of each body fails once: the right answer, or out of memory
** as the error, and nothing is left allocated. */
static void testFaults(void){
  static const struct { const char *z; int (*x)(OrmErr*); } aBody[] = {
    { "fault: buffer", faultBuf }, { "fault: json", faultJson },
    { "fault: errors", faultErr }, { "fault: connection", faultConnection },
  };
  for(int i=0; i<ORM_COUNT(aBody); i++){
    int n, bHit = 1, bRight = 1;
    for(n=1; bHit && n<10000; n++){
      OrmErr err = { 0, 0 };
      int bOk;
      nFault = 0;
      nUntilFault = n;
      bOk = aBody[i].x(&err);
      bHit = nFault>0;
      nUntilFault = 0;
      bRight &= err.rc==SQLITE_OK ? bOk : err.rc==SQLITE_NOMEM && err.zMsg==0;
      ormErrClear(&err);
      bRight &= sqlite3_memory_used()==0;
    }
    check(bRight && bWhole && n>3 && n<10000, aBody[i].z);
  }
}

/* ----------------------------------------------------------------- main -- */

static void readFiles(int n, char **azFile){
  for(int i=0; i<n; i++){
    FILE *pFile = fopen(azFile[i], "rb");
    static char z[1000000];
    size_t nRead = pFile ? fread(z, 1, sizeof(z), pFile) : 0;
    char *zCopy = malloc(nRead + 1);
    if( pFile ) fclose(pFile);
    memcpy(zCopy, z, nRead);    /* of the exact size, for the sanitizer       */
    printf("%c %s\n", readable(zCopy, (i64)nRead) ? 'y' : 'n', azFile[i]);
    free(zCopy);
  }
}

int main(int nArg, char **azArg){
  faultInstall();
  if( nArg>1 && strcmp(azArg[1], "json")==0 ){
    readFiles(nArg - 2, &azArg[2]);
    return 0;
  }
  if( nArg>3 && strcmp(azArg[1], "real")==0 ){
    randomReal(atoi(azArg[2]), (u64)atoll(azArg[3]));
    testTies(20000);
  }else{
    testErrors();
    testArena();
    testUtf8();
  testBuf();
    testReader();
    testTree();
    testEscapes();
    testDepth();
    testEscape();
    testReal();
    testNearest();
    testConnection();
    testFaults();
  }
  printf("%d passed, %d failed\n", nPass, nFail);
  return nFail>0;
}
