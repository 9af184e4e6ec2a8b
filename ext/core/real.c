/*
** Doubles and decimal text, exactly, in both directions.
**
** ormRealParse() gives the double nearest to a decimal number, half to even,
** whatever its length; ormRealText() the shortest of the 15, 16 or 17 digit
** forms that reads back to the same double.  Neither depends on the C library
** (whose decimal point is the locale's) or on SQLite's version, and neither
** allocates.
**
** Powers of ten are kept as 128 bits of mantissa.  A product with one of them
** is known to a few units of its last place; where that does not decide how to
** round, which takes an input within 2^-60 of a tie, big integers decide.
*/
#include "../orm_int.h"
#include <float.h>

typedef struct U128 { u64 hi, lo; } U128;

/* 5^(27*k) for k from K_MIN: the first 128 bits, rounded down. */
#define K_MIN (-14)
static const U128 aCoarse[] = {
  { 0x9ecffc31d586abc0u, 0x9ac0936257d9c76cu },
  { 0x8049a4ac0c5811aeu, 0x205b896d777d6278u },
  { 0xcf42894a5dce35eau, 0x52064cac828675b9u },
  { 0xa76c582338ed2621u, 0xaf2af2b80af6f24eu },
  { 0x873e4f75e2224e68u, 0x5a7744a6e804a291u },
  { 0xda7f5bf590966848u, 0xaf39a475506a899eu },
  { 0xb080392cc4349decu, 0xbd8d794d96aacfb3u },
  { 0x8e938662882af53eu, 0x547eb47b7282ee9cu },
  { 0xe65829b3046b0afau, 0x0cb4a5a3112a5112u },
  { 0xba121a4650e4ddebu, 0x92f34d62616ce413u },
  { 0x964e858c91ba2655u, 0x3a6a07f8d510f86fu },
  { 0xf2d56790ab41c2a2u, 0xfae27299423fb9c3u },
  { 0xc428d05aa4751e4cu, 0xaa97e14c3c26b886u },
  { 0x9e74d1b791e07e48u, 0x775ea264cf55347du },
  { 0x8000000000000000u, 0x0000000000000000u },
  { 0xcecb8f27f4200f3au, 0x0000000000000000u },
  { 0xa70c3c40a64e6c51u, 0x999090b65f67d924u },
  { 0x86f0ac99b4e8dafdu, 0x69a028bb3ded71a3u },
  { 0xda01ee641a708de9u, 0xe80e6f4820cc9495u },
  { 0xb01ae745b101e9e4u, 0x5ec05dcff72e7f8fu },
  { 0x8e41ade9fbebc27du, 0x14588f13be847307u },
  { 0xe5d3ef282a242e81u, 0x8f1668c8a86da5fau },
  { 0xb9a74a0637ce2ee1u, 0x6d953e2bd7173692u },
  { 0x95f83d0a1fb69cd9u, 0x4abdaf101564f98eu },
  { 0xf24a01a73cf2dccfu, 0xbc633b39673c8cecu },
  { 0xc3b8358109e84f07u, 0x0a862f80ec4700c8u },
  { 0x9e19db92b4e31ba9u, 0x6c07a2c26a8346d1u },
  { 0xff6d0b3492801150u, 0x9798278aea58efffu },
};
#define Q_MIN (27*K_MIN)
#define Q_MAX (27*(K_MIN + ORM_COUNT(aCoarse)) - 1)

static const double aExactPow[] = {
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13,
  1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};

/* -------------------------------------------------- 64 and 128 bit parts -- */

static U128 multiply(u64 a, u64 b){
  u64 a0 = a & 0xffffffffu, a1 = a>>32;
  u64 b0 = b & 0xffffffffu, b1 = b>>32;
  u64 p00 = a0*b0, p01 = a0*b1, p10 = a1*b0;
  u64 mid = (p00>>32) + (p01 & 0xffffffffu) + (p10 & 0xffffffffu);
  U128 r;
  r.lo = (mid<<32) | (p00 & 0xffffffffu);
  r.hi = a1*b1 + (p01>>32) + (p10>>32) + (mid>>32);
  return r;
}

/* The upper 128 of the 192 bits of a*b; *pLow: the 64 below them. */
static U128 multiplyTop(U128 a, u64 b, u64 *pLow){
  U128 lo = multiply(a.lo, b);
  U128 r = multiply(a.hi, b);
  r.lo += lo.hi;
  r.hi += r.lo<lo.hi;
  *pLow = lo.lo;
  return r;
}

/* Shift left until the top bit is set; returns by how much. u is not 0. */
static int normalize(u64 *pu){
#if defined(__GNUC__)
  int n = __builtin_clzll(*pu);
  *pu <<= n;
#else
  int n = 0;
  while( (*pu>>63)==0 ){
    *pu <<= 1;
    n++;
  }
#endif
  return n;
}

/* floor(log2(10^q)), right for |q| < 378. */
static int log2Pow10(int q){
  int n = q*217706;
  return n>=0 ? n>>16 : -((-n + 0xffff)>>16);
}

/*
** The first 128 bits of 10^q, Q_MIN<=q<=Q_MAX: 10^q lies in [P, P+3) units of
** 2^(log2Pow10(q)-127).
*/
static U128 pow10Top(int q){
  static const u64 aFine[] = {  /* 5^r, exact                                 */
    1u, 5u, 25u, 125u, 625u, 3125u, 15625u, 78125u, 390625u, 1953125u, 9765625u,
    48828125u, 244140625u, 1220703125u, 6103515625u, 30517578125u,
    152587890625u, 762939453125u, 3814697265625u, 19073486328125u,
    95367431640625u, 476837158203125u, 2384185791015625u, 11920928955078125u,
    59604644775390625u, 298023223876953125u, 1490116119384765625u
  };
  int k = (q - Q_MIN)/27;
  u64 iFine = aFine[(q - Q_MIN)%27];
  u64 low;
  U128 r;
  assert( q>=Q_MIN && q<=Q_MAX );
  normalize(&iFine);
  r = multiplyTop(aCoarse[k], iFine, &low);
  if( (r.hi>>63)==0 ){
    r.hi = (r.hi<<1) | (r.lo>>63);
    r.lo = (r.lo<<1) | (low>>63);
  }
  return r;
}

/* ---------------------------------------------------------- big integers -- */

/* Up to BIG_DIGITS decimal digits are looked at; what follows them can only
** tell whether the number is a bit larger, so one more digit stands for it. */
#define BIG_DIGITS 800
#define BIG_WORDS  200

typedef struct Big Big;
struct Big {
  int n;                        /* words in use; those above are 0            */
  u32 a[BIG_WORDS];             /* least significant first                    */
};

static void bigMultiply(Big *p, u32 f, u32 iAdd){
  u64 iCarry = iAdd;
  for(int i=0; i<p->n; i++){
    iCarry += (u64)p->a[i]*f;
    p->a[i] = (u32)iCarry;
    iCarry >>= 32;
  }
  if( iCarry ){
    assert( p->n<BIG_WORDS );
    p->a[p->n++] = (u32)iCarry;
  }
}

static void bigShift(Big *p, int nBit){
  int nWord = nBit/32;
  bigMultiply(p, (u32)1<<(nBit%32), 0);
  assert( p->n + nWord<=BIG_WORDS );
  memmove(&p->a[nWord], p->a, sizeof(u32)*(size_t)p->n);
  memset(p->a, 0, sizeof(u32)*(size_t)nWord);
  p->n += nWord;
}

static void bigPow10(Big *p, int q){
  bigShift(p, q);
  for(; q>=13; q-=13) bigMultiply(p, 1220703125u, 0);
  for(; q>0; q--) bigMultiply(p, 5, 0);
}

static int bigCompare(const Big *p, const Big *q){
  for(int i=BIG_WORDS-1; i>=0; i--){
    if( p->a[i]!=q->a[i] ) return p->a[i]<q->a[i] ? -1 : 1;
  }
  return 0;
}

/* -------------------------------------------------------- text to double -- */

/* A decimal number taken apart. */
typedef struct Decimal Decimal;
struct Decimal {
  const char *z;                /* from the first digit that is not 0         */
  const char *zEnd;             /* end of the digits; a point may be inside   */
  i64 nDigit;                   /* digits in between                          */
  i64 iExp;                     /* power of ten of the last digit             */
};

/* -1, 0, 1: the decimal against (2m+1) * 2^(iUlp-1), the tie above m. */
static int compareTie(const Decimal *p, u64 m, int iUlp){
  Big a = { 0 }, b = { 0 };
  i64 iExp = p->iExp;
  int nSeen = 0, bMore = 0;
  for(const char *z=p->z; z<p->zEnd; z++){
    if( *z=='.' ) continue;
    if( nSeen<BIG_DIGITS ){
      bigMultiply(&a, 10, (u32)(*z - '0'));
      nSeen++;
    }else{
      bMore |= *z!='0';
    }
  }
  iExp += p->nDigit - nSeen;
  if( bMore ){
    bigMultiply(&a, 10, 1);
    iExp--;
  }
  m = 2*m + 1;
  b.a[0] = (u32)m;
  b.a[1] = (u32)(m>>32);
  b.n = b.a[1] ? 2 : 1;
  if( iExp>=0 ) bigPow10(&a, (int)iExp);
  else bigPow10(&b, (int)-iExp);
  if( iUlp>=1 ) bigShift(&b, iUlp - 1);
  else bigShift(&a, 1 - iUlp);
  return bigCompare(&a, &b);
}

static double fromBits(u64 u){
  double r;
  memcpy(&r, &u, 8);
  return r;
}

#define INFINITE ((u64)0x7ff<<52)

/*
** The double nearest to w*10^q, or to the decimal *p, of which w holds the
** first 19 digits only when bMore.
*/
static double nearest(u64 w, int q, int bMore, const Decimal *p){
  U128 t;
  u64 low, m, rest, half, err, nUnits;
  int nZero, iTop, nBit, iUlp, iCmp;
  nZero = normalize(&w);
  t = multiplyTop(pow10Top(q), w, &low);
  iTop = log2Pow10(q) + 64 - nZero;
  if( (t.hi>>63)==0 ){
    t.hi = (t.hi<<1) | (t.lo>>63);
    t.lo = (t.lo<<1) | (low>>63);
    iTop--;
  }
  if( iTop>1023 ) return fromBits(INFINITE);
  nBit = iTop>=-1022 ? 53 : 53 + 1022 + iTop;
  if( nBit<0 ) return 0.0;
  iUlp = iTop - nBit + 1;
  /* 8 bounds the error of t in units of lo; digits cut off weigh more. */
  nUnits = bMore ? (u64)4<<nZero : 0;
  m = nBit==0 ? 0 : t.hi>>(64 - nBit);
  if( nBit==0 ){
    iCmp = compareTie(p, 0, iUlp);
  }else{
    half = (u64)1<<(63 - nBit);
    rest = t.hi & ((half<<1) - 1);
    err = nUnits + (t.lo>=(u64)-8);
    if( rest + err<half ) iCmp = -1;
    else if( rest>half || (rest==half && t.lo!=0) ) iCmp = 1;
    else iCmp = compareTie(p, m, iUlp);
  }
  if( iCmp>0 || (iCmp==0 && (m & 1)) ) m++;
  /* Adding carries into the exponent where m has become 2^53 or 2^52. */
  if( nBit==53 ) m += (u64)(iTop + 1022)<<52;
  return fromBits(m>INFINITE ? INFINITE : m);
}

/* The same, where one operation or 10^q alone decides. */
static double scaled(u64 w, i64 q, int bMore, const Decimal *p){
#if FLT_EVAL_METHOD==0
  if( !bMore && w<=((u64)1<<53) && q>=-22 && q<=22 ){
    return q<0 ? (double)w/aExactPow[-q] : (double)w*aExactPow[q];
  }
#endif
  if( q<-345 ) return 0.0;
  if( q>309 ) return fromBits(INFINITE);
  return nearest(w, (int)q, bMore, p);
}

/* The power of ten behind an e; it saturates where it cannot matter. */
static i64 parseExponent(const char *z, const char *zEnd){
  i64 i = 0;
  int bNeg = *z=='-';
  if( bNeg || *z=='+' ) z++;
  for(; z<zEnd; z++){
    if( i<(i64)1e15 ) i = i*10 + (*z - '0');
  }
  return bNeg ? -i : i;
}

/* The double nearest to the JSON number z[n]; an infinity above them all. */
double ormRealParse(const char *z, i64 n){
  const char *zEnd = z + n;
  Decimal d;
  u64 w = 0;
  double r;
  i64 q, nPoint = 0;
  int bNeg = *z=='-', bPoint = 0;
  z += bNeg;
  d.z = 0;
  d.nDigit = 0;
  for(; z<zEnd && *z!='e' && *z!='E'; z++){
    if( *z=='.' ){
      bPoint = 1;
      continue;
    }
    nPoint += bPoint;
    if( d.nDigit==0 && *z=='0' ) continue;
    if( d.nDigit==0 ) d.z = z;
    if( d.nDigit<19 ) w = w*10 + (u64)(*z - '0');
    d.nDigit++;
  }
  d.zEnd = z;
  d.iExp = (z<zEnd ? parseExponent(z + 1, zEnd) : 0) - nPoint;
  if( w==0 ) return bNeg ? -0.0 : 0.0;
  q = d.iExp + (d.nDigit>19 ? d.nDigit - 19 : 0);
  r = scaled(w, q, d.nDigit>19, &d);
  return bNeg ? -r : r;
}

/* -------------------------------------------------------- double to text -- */

static u64 pow10Int(int n){
  u64 u = 1;
  while( n-->0 ) u *= 10;
  return u;
}

/* The n digits of the decimal nearest to m*2^e, n<=17; *piExp: the power of
** ten of the last.  m is normalized and the value's first digit has the power
** iFirst. */
static u64 digitsOf(u64 m, int e, int iFirst, int n, int *piExp){
  int q = n - 1 - iFirst;
  u64 low;
  U128 t = multiplyTop(pow10Top(q), m, &low);
  /* value * 10^q = t.hi * 2^-nShift */
  int nShift = -(e + log2Pow10(q) + 1);
  u64 u;
  assert( nShift>0 && nShift<64 );
  u = t.hi>>nShift;
  u += (t.hi>>(nShift - 1)) & 1;
  *piExp = -q;
  return u;
}

/* floor(log10(m*2^e)), m normalized: that, or one less. */
static int log10Floor(int e){
  int n = (e + 63)*78913 - 300; /* log10(2) * 2^18, and a bit less            */
  return n>=0 ? n>>18 : -((-n + 0x3ffff)>>18);
}

/* The digits of u, which is not 0; returns how many. */
static int writeDigits(char *z, u64 u){
  int n = 0;
  for(u64 v=u; v; v/=10) n++;
  for(int i=n-1; i>=0; i--, u/=10) z[i] = (char)('0' + u%10);
  return n;
}

/* Write digits u*10^iExp as SQLite writes a double: positional unless the
** exponent is below -4 or above nDigit, always with a decimal point. */
static int writeReal(char *z, u64 u, int iExp, int nDigit){
  char aDigit[24] = { 0 };
  char *zOut = z;
  int n, iFirst, nInt;
  while( u%10==0 ){
    u /= 10;
    iExp++;
  }
  n = writeDigits(aDigit, u);
  iFirst = iExp + n - 1;
  if( iFirst<-4 || iFirst>nDigit ){
    int iAbs = iFirst<0 ? -iFirst : iFirst;
    *zOut++ = aDigit[0];
    *zOut++ = '.';
    if( n==1 ) *zOut++ = '0';
    for(int i=1; i<n; i++) *zOut++ = aDigit[i];
    *zOut++ = 'e';
    *zOut++ = iFirst<0 ? '-' : '+';
    if( iAbs>=100 ) *zOut++ = (char)('0' + iAbs/100);
    *zOut++ = (char)('0' + iAbs/10%10);
    *zOut++ = (char)('0' + iAbs%10);
    return (int)(zOut - z);
  }
  nInt = iFirst + 1;
  if( nInt<=0 ) *zOut++ = '0';
  for(int i=0; i<nInt; i++) *zOut++ = i<n ? aDigit[i] : '0';
  *zOut++ = '.';
  if( n<=nInt ) *zOut++ = '0';
  for(int i=nInt; i<0; i++) *zOut++ = '0';
  for(int i=nInt>0 ? nInt : 0; i<n; i++) *zOut++ = aDigit[i];
  return (int)(zOut - z);
}

/* The text of a finite double that is not 0, without its sign, at most 30
** bytes: the first of 15, 16 and 17 digits that reads back. */
static int realDigits(char *z, double r){
  u64 m, u = 0;
  int e, iFirst, iExp = 0, n;
  memcpy(&m, &r, 8);
  e = (int)(m>>52) - 1075;
  m &= ((u64)1<<52) - 1;
  if( e>-1075 ) m |= (u64)1<<52;
  else e++;
  e -= normalize(&m);
  iFirst = log10Floor(e);
  for(n=15; ORM_ALWAYS(n<=17); n++){
    Decimal d;
    char aDigit[24];
    u = digitsOf(m, e, iFirst, n, &iExp);
    if( u>=pow10Int(n) ){
      iFirst++;
      u = digitsOf(m, e, iFirst, n, &iExp);
    }
    d.z = aDigit;
    d.nDigit = writeDigits(aDigit, u);
    d.zEnd = aDigit + d.nDigit;
    d.iExp = iExp;
    if( scaled(u, iExp, 0, &d)==r ) break;
  }
  return writeReal(z, u, iExp, n);
}

/*
** A double with few decimals: its digits are r*10^k as an integer, when
** dividing that by 10^k again gives r.  Quick for the values that people store
** most: prices, rates, whole numbers.
*/
static int realShort(char *z, double r){
  for(int k=0; k<=6; k++){
    double x = r*aExactPow[k] + 0.5;
    u64 u;
    if( x>=1e15 ) return 0;
    u = (u64)x;
    if( (double)u/aExactPow[k]==r ) return writeReal(z, u, -k, 15);
  }
  return 0;
}

/* The text of a finite double, not terminated. */
int ormRealText(char *z, double r){
  u64 bits;
  int nSign, n;
  memcpy(&bits, &r, 8);
  nSign = (int)(bits>>63);
  if( nSign ){
    *z++ = '-';
    r = -r;
  }
  if( r==0.0 ){
    memcpy(z, "0.0", 3);
    return nSign + 3;
  }
  n = realShort(z, r);
  if( n==0 ) n = realDigits(z, r);
  return nSign + n;
}
