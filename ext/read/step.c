/*
** A step of a path: a relationship, perhaps with a star behind its name.
**
**     path  = step { "." step }
**     step  = relationship [ "*" [ levels ] ]
**
** A name with dots of its own is found before one of them parts it.
*/
#include "../orm_int.h"

/* The length of z[n] without blanks at its end. */
static i64 trimmed(const char *z, i64 n){
  while( n>0 && z[n-1]==' ' ) n--;
  return n;
}

/* The bytes before a star and its levels at the end of z[n], or n. */
static i64 beforeStar(const char *z, i64 n, i64 *pnLevel){
  i64 i = n, nLevel = 0;
  *pnLevel = ORM_STEP_ONE;
  while( i>0 && z[i-1]>='0' && z[i-1]<='9' ) i--;
  if( i==0 || z[i-1]!='*' ) return n;
  for(i64 j=i; j<n && nLevel<(i64)1<<56; j++) nLevel = nLevel*10 + z[j]-'0';
  *pnLevel = i==n ? ORM_STEP_ALL : nLevel>0 ? nLevel : ORM_STEP_NONE;
  return trimmed(z, i - 1);
}

OrmRel *ormStepFind(
  Orm *pOrm, OrmErr *pErr, OrmModel *pModel, const char *z, i64 *pn,
  i64 *pnLevel
){
  OrmRel *pRel;
  *pn = trimmed(z, *pn);
  *pnLevel = ORM_STEP_ONE;
  pRel = ormRelFind(pOrm, pErr, pModel, z, *pn);
  if( pRel ) return pRel;
  *pn = beforeStar(z, *pn, pnLevel);
  return ormRelFind(pOrm, pErr, pModel, z, *pn);
}

i64 ormStepLength(
  Orm *pOrm, OrmErr *pErr, OrmModel *pModel, const char *z, i64 n
){
  i64 nFirst = n;
  for(i64 i=n; i>=0; i--){
    i64 nName = i, nLevel;
    if( i<n && z[i]!='.' ) continue;
    nFirst = i;
    if( ormStepFind(pOrm, pErr, pModel, z, &nName, &nLevel) ) break;
  }
  return nFirst;
}
