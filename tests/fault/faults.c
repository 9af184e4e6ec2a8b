/*
** A Tcl module that makes SQLite fail on demand.
**
**     load ./faults.so Faults       before the first connection is opened
**     faults oom N ?persist?        the Nth allocation from now fails
**     faults io N ?persist?         the Nth file operation fails
**     faults full N ?persist?       the Nth write finds the disk full
**     faults interrupt DB N         the Nth opcode that DB runs is interrupted
**     faults stop                   no more; returns how many failed
**     faults outstanding            allocations that are not free yet
**     faults left                   operations until the fault happens
**     faults peak                   the most bytes that were allocated since it
**                                   was asked last, less those that were then
**     faults sites KIND ?DB?        nothing fails; operations are told apart by
**                                   their callers in the extension
**     faults new                    stops, and gives the numbers of those whose
**                                   callers were never seen before
**     faults load DB FILE ENTRY     loads an extension, no statement running;
**                                   returns the error code
**     faults forget                 what every new connection was to load
**
** Allocations are SQLite's, by SQLITE_CONFIG_MALLOC; file operations pass
** through a VFS named "faults", which is made the default.
*/
#define _GNU_SOURCE
#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <tcl.h>
#if defined(__GLIBC__)
# include <execinfo.h>
# include <link.h>
#endif

/* One process, one thread, one fault at a time. */
static struct {
  int eKind;                    /* FAULT_..                                   */
  int nLeft;                    /* operations until it happens                */
  int bPersist;                 /* then all of them fail                      */
  int nHit;
  sqlite3 *db;                  /* with the progress handler                  */
  int bSites;                   /* look for new callers, n operations so far  */
  int n;
} fault;
enum { FAULT_NONE, FAULT_OOM, FAULT_IO, FAULT_FULL, FAULT_INTERRUPT };

static int nOutstanding = 0;
static int64_t nByte = 0, nPeak = 0, nPeakFrom = 0;

/* --------------------------------------------------------------- sites --- */

#define N_FRAME   48            /* looked at                                  */
#define N_CALLER  6             /* of the extension, innermost first, count   */
#define N_SEEN    (1<<18)
#define N_NEW     20000
static uint64_t aSeen[N_SEEN];  /* a hash table of hashes; 0: free            */
static int nSeen = 0;
static int aNew[N_NEW], nNew = 0;

#if defined(__GLIBC__)
static uintptr_t iFrom, iTo;    /* where the extension's code is              */
static int findLibrary(struct dl_phdr_info *p, size_t n, void *pArg){
  const char *z = strrchr(p->dlpi_name, '/');
  (void)n;
  (void)pArg;
  if( z==0 || strcmp(z, "/orm.so")!=0 ) return 0;
  for(int i=0; i<p->dlpi_phnum; i++){
    if( p->dlpi_phdr[i].p_type!=PT_LOAD || !(p->dlpi_phdr[i].p_flags & PF_X) ){
      continue;
    }
    iFrom = p->dlpi_addr + p->dlpi_phdr[i].p_vaddr;
    iTo = iFrom + p->dlpi_phdr[i].p_memsz;
  }
  return 1;
}

/* The callers in the extension as a number; 0 if there is none. */
static uint64_t callers(int eKind){
  void *apFrame[N_FRAME];
  int n = backtrace(apFrame, N_FRAME), nCaller = eKind==FAULT_OOM ? 0 : 3;
  uint64_t h = 0;
  for(int i=0; i<n && nCaller<N_CALLER; i++){
    uintptr_t iAt = (uintptr_t)apFrame[i];
    if( iAt<iFrom || iAt>=iTo ) continue;
    h = (h ^ (iAt - iFrom + (uintptr_t)eKind)) * 0x9e3779b97f4a7c15u;
    h ^= h>>29;
    nCaller++;
  }
  return h;
}
#else
static uint64_t callers(int eKind){ return (uint64_t)eKind; }
#endif

static void site(int eKind){
  uint64_t h = callers(eKind);
  unsigned i = (unsigned)(h % N_SEEN);
  fault.n++;
  if( h==0 || nSeen>=N_SEEN/2 || nNew>=N_NEW ) return;
  for(; aSeen[i]; i=(i+1) % N_SEEN) if( aSeen[i]==h ) return;
  aSeen[i] = h;
  nSeen++;
  aNew[nNew++] = fault.n;
}

/* Is this operation, of the kind, to fail? */
static int strikes(int eKind){
  if( fault.eKind!=eKind ) return 0;
  if( fault.bSites ){
    site(eKind);
    return 0;
  }
  if( fault.nLeft>0 ) fault.nLeft--;
  if( fault.nLeft>0 || (fault.nHit && !fault.bPersist) ) return 0;
  fault.nHit++;
  return 1;
}

/* -------------------------------------------------------------- memory --- */

static sqlite3_mem_methods real;

static void *allocated(void *p){
  if( p ) nByte += real.xSize(p);
  if( nByte>nPeak ) nPeak = nByte;
  return p;
}

static void *faultMalloc(int n){
  void *p = strikes(FAULT_OOM) ? 0 : real.xMalloc(n);
  if( p ) nOutstanding++;
  return allocated(p);
}

static void faultFree(void *p){
  if( p ){
    nOutstanding--;
    nByte -= real.xSize(p);
  }
  real.xFree(p);
}

static void *faultRealloc(void *p, int n){
  int nOld = real.xSize(p);
  void *pNew = strikes(FAULT_OOM) ? 0 : real.xRealloc(p, n);
  if( pNew ) nByte -= nOld;
  return allocated(pNew);
}

static int peak(void){
  int n = (int)(nPeak - nPeakFrom);
  nPeak = nPeakFrom = nByte;
  return n;
}

static int faultSize(void *p){ return real.xSize(p); }
static int faultRoundup(int n){ return real.xRoundup(n); }
static int faultInit(void *p){ return real.xInit(p); }
static void faultShutdown(void *p){ real.xShutdown(p); }

static int installMemory(void){
  static sqlite3_mem_methods methods = {
    faultMalloc, faultFree, faultRealloc, faultSize, faultRoundup,
    faultInit, faultShutdown, 0
  };
  int rc = sqlite3_shutdown();
  if( rc==SQLITE_OK ) rc = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
  methods.pAppData = real.pAppData;
  if( rc==SQLITE_OK ) rc = sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
  return rc==SQLITE_OK ? sqlite3_initialize() : rc;
}

/* --------------------------------------------------------------- files --- */

typedef struct File { sqlite3_file base; sqlite3_file *pReal; } File;
#define REAL(p) (((File*)(p))->pReal)
#define CALL(p, x) REAL(p)->pMethods->x

static int fileClose(sqlite3_file *p){
  return CALL(p, xClose)(REAL(p));
}
static int fileRead(sqlite3_file *p, void *z, int n, sqlite3_int64 i){
  if( strikes(FAULT_IO) ) return SQLITE_IOERR_READ;
  return CALL(p, xRead)(REAL(p), z, n, i);
}
static int fileWrite(sqlite3_file *p, const void *z, int n, sqlite3_int64 i){
  if( strikes(FAULT_FULL) ) return SQLITE_FULL;
  if( strikes(FAULT_IO) ) return SQLITE_IOERR_WRITE;
  return CALL(p, xWrite)(REAL(p), z, n, i);
}
static int fileTruncate(sqlite3_file *p, sqlite3_int64 n){
  if( strikes(FAULT_IO) ) return SQLITE_IOERR_TRUNCATE;
  return CALL(p, xTruncate)(REAL(p), n);
}
static int fileSync(sqlite3_file *p, int flags){
  if( strikes(FAULT_IO) ) return SQLITE_IOERR_FSYNC;
  return CALL(p, xSync)(REAL(p), flags);
}
static int fileFileSize(sqlite3_file *p, sqlite3_int64 *pn){
  if( strikes(FAULT_IO) ) return SQLITE_IOERR_FSTAT;
  return CALL(p, xFileSize)(REAL(p), pn);
}
static int fileLock(sqlite3_file *p, int e){
  return CALL(p, xLock)(REAL(p), e);
}
static int fileUnlock(sqlite3_file *p, int e){
  return CALL(p, xUnlock)(REAL(p), e);
}
static int fileCheckReservedLock(sqlite3_file *p, int *pb){
  return CALL(p, xCheckReservedLock)(REAL(p), pb);
}
static int fileControl(sqlite3_file *p, int op, void *pArg){
  return CALL(p, xFileControl)(REAL(p), op, pArg);
}
static int fileSectorSize(sqlite3_file *p){
  return CALL(p, xSectorSize)(REAL(p));
}
static int fileCharacteristics(sqlite3_file *p){
  return CALL(p, xDeviceCharacteristics)(REAL(p));
}
static int fileShmMap(sqlite3_file *p, int i, int n, int b, void volatile **pp){
  if( strikes(FAULT_IO) ) return SQLITE_IOERR_SHMMAP;
  return CALL(p, xShmMap)(REAL(p), i, n, b, pp);
}
static int fileShmLock(sqlite3_file *p, int i, int n, int flags){
  return CALL(p, xShmLock)(REAL(p), i, n, flags);
}
static void fileShmBarrier(sqlite3_file *p){
  CALL(p, xShmBarrier)(REAL(p));
}
static int fileShmUnmap(sqlite3_file *p, int b){
  return CALL(p, xShmUnmap)(REAL(p), b);
}

static const sqlite3_io_methods fileMethods = {
  2, fileClose, fileRead, fileWrite, fileTruncate, fileSync, fileFileSize,
  fileLock, fileUnlock, fileCheckReservedLock, fileControl, fileSectorSize,
  fileCharacteristics, fileShmMap, fileShmLock, fileShmBarrier, fileShmUnmap,
  0, 0
};

static sqlite3_vfs *pRealVfs;
static sqlite3_vfs vfs;

static int vfsOpen(
  sqlite3_vfs *pVfs, const char *zName, sqlite3_file *pFile, int flags,
  int *pFlags
){
  File *p = (File*)pFile;
  int rc;
  (void)pVfs;
  p->base.pMethods = 0;
  p->pReal = (sqlite3_file*)&p[1];
  if( strikes(FAULT_IO) ) return SQLITE_CANTOPEN;
  rc = pRealVfs->xOpen(pRealVfs, zName, p->pReal, flags, pFlags);
  if( p->pReal->pMethods ) p->base.pMethods = &fileMethods;
  return rc;
}

static int vfsDelete(sqlite3_vfs *pVfs, const char *zName, int bSync){
  (void)pVfs;
  if( strikes(FAULT_IO) ) return SQLITE_IOERR_DELETE;
  return pRealVfs->xDelete(pRealVfs, zName, bSync);
}

static int installVfs(void){
  pRealVfs = sqlite3_vfs_find(0);
  vfs = *pRealVfs;
  vfs.pNext = 0;
  vfs.zName = "faults";
  vfs.szOsFile = (int)sizeof(File) + pRealVfs->szOsFile;
  vfs.xOpen = vfsOpen;
  vfs.xDelete = vfsDelete;
  return sqlite3_vfs_register(&vfs, 1);
}

/* -------------------------------------------------------------- command --- */

static int onProgress(void *pArg){
  (void)pArg;
  return strikes(FAULT_INTERRUPT);
}

/* The connection of a Tcl database command: it leads the command's data. */
static sqlite3 *connection(Tcl_Interp *pInterp, Tcl_Obj *pName){
  Tcl_CmdInfo info;
  if( !Tcl_GetCommandInfo(pInterp, Tcl_GetString(pName), &info) ) return 0;
  return *(sqlite3**)info.objClientData;
}

static int faultStop(void){
  int nHit = fault.nHit;
  if( fault.db ) sqlite3_progress_handler(fault.db, 0, 0, 0);
  memset(&fault, 0, sizeof(fault));
  return nHit;
}

/* Fail the nth operation, or (n 0) look for new callers. */
static int faultArm(
  Tcl_Interp *pInterp, int eKind, int n, Tcl_Obj *pDb, int bPersist
){
  faultStop();
  if( pDb ){
    fault.db = connection(pInterp, pDb);
    if( fault.db==0 ) return TCL_ERROR;
    sqlite3_progress_handler(fault.db, 1, onProgress, 0);
  }
#if defined(__GLIBC__)
  if( n==0 ) dl_iterate_phdr(findLibrary, 0);
#endif
  nNew = 0;
  fault.bSites = n==0;
  fault.nLeft = n;
  fault.bPersist = bPersist;
  fault.eKind = eKind;
  return TCL_OK;
}

static Tcl_Obj *newSites(void){
  Tcl_Obj *pList = Tcl_NewObj();
  for(int i=0; i<nNew; i++){
    Tcl_ListObjAppendElement(0, pList, Tcl_NewIntObj(aNew[i]));
  }
  return pList;
}

static int faultLoad(Tcl_Interp *pInterp, Tcl_Obj *const*apArg){
  sqlite3 *db = connection(pInterp, apArg[0]);
  char *zErr = 0;
  int rc;
  if( db==0 ) return SQLITE_ERROR;
  sqlite3_enable_load_extension(db, 1);
  rc = sqlite3_load_extension(db, Tcl_GetString(apArg[1]),
                              Tcl_GetString(apArg[2]), &zErr);
  sqlite3_free(zErr);
  return rc;
}

enum { WORD_OOM, WORD_IO, WORD_FULL, WORD_INTERRUPT, WORD_STOP,
       WORD_OUTSTANDING, WORD_LEFT, WORD_SITES, WORD_NEW, WORD_LOAD,
       WORD_FORGET, WORD_PEAK };
static const char *azWord[] = { "oom", "io", "full", "interrupt", "stop",
                                "outstanding", "left", "sites", "new", "load",
                                "forget", "peak", 0 };
static const int aKind[] = { FAULT_OOM, FAULT_IO, FAULT_FULL, FAULT_INTERRUPT };

static int faultCmd(
  ClientData pData, Tcl_Interp *pInterp, int nArg, Tcl_Obj *const*apArg
){
  Tcl_Obj *pDb = 0;
  int iWord, iCount = 2, n = 0;
  (void)pData;
  if( nArg<2 ){
    Tcl_WrongNumArgs(pInterp, 1, apArg, "what ?argument ...?");
    return TCL_ERROR;
  }
  if( Tcl_GetIndexFromObj(pInterp, apArg[1], azWord, "word", 0, &iWord) ){
    return TCL_ERROR;
  }
  switch( iWord ){
    case WORD_STOP:        n = faultStop();  break;
    case WORD_OUTSTANDING: n = nOutstanding; break;
    case WORD_LEFT:        n = fault.nLeft;  break;
    case WORD_PEAK:        n = peak();       break;
    case WORD_FORGET:      sqlite3_reset_auto_extension(); break;
    case WORD_LOAD:
      if( nArg!=5 ) return TCL_ERROR;
      n = faultLoad(pInterp, &apArg[2]);
      break;
    case WORD_NEW:
      faultStop();
      Tcl_SetObjResult(pInterp, newSites());
      return TCL_OK;
    case WORD_SITES:
      if( nArg<3
       || Tcl_GetIndexFromObj(pInterp, apArg[2], azWord, "word", 0, &iWord)
       || iWord>WORD_INTERRUPT ) return TCL_ERROR;
      return faultArm(pInterp, aKind[iWord], 0, nArg>3 ? apArg[3] : 0, 0);
    default:
      if( iWord==WORD_INTERRUPT && nArg>3 ) pDb = apArg[iCount++];
      if( nArg<=iCount || Tcl_GetIntFromObj(pInterp, apArg[iCount], &n) ){
        return TCL_ERROR;
      }
      return faultArm(pInterp, aKind[iWord], n, pDb, nArg>iCount + 1);
  }
  Tcl_SetObjResult(pInterp, Tcl_NewIntObj(n));
  return TCL_OK;
}

#ifdef _WIN32
__declspec(dllexport)
#endif
int Faults_Init(Tcl_Interp *pInterp){
  if( installMemory()!=SQLITE_OK || installVfs()!=SQLITE_OK ){
    Tcl_SetObjResult(pInterp, Tcl_NewStringObj(
        "a connection is open: load this module first", -1));
    return TCL_ERROR;
  }
  Tcl_CreateObjCommand(pInterp, "faults", faultCmd, 0, 0);
  return TCL_OK;
}
