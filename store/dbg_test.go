package store_test
import ("testing";"os";"math/rand/v2";"strconv";"os/exec";"cubeconnect/store";"time";"strings")
func TestDbgChild(t *testing.T){
  p:=os.Getenv("DBG_FILE"); if p=="" {t.Skip()}
  _,f,err:=store.Verify(p); t.Log("verify",len(f),err)
  s,err:=store.Open(store.Options{Path:p}); t.Log("open",err)
  if err==nil { s.Close() }
}
func TestDbg(t *testing.T){
  if os.Getenv("DBG_FILE")!="" {t.Skip()}
	o := openStore(t).newTenant()
	ep := o.endpoint()
	for i:=0;i<20;i++{ ids:=o.acceptMany(100,"a","b","c"); o.settleAll(ep,ids[:50],delivered(),time.Time{}) }
	o.close()
	good,_:=os.ReadFile(o.options.Path)
	crash:=map[string]int{}
	for seed:=range 150 {
	  r:=rand.New(rand.NewPCG(uint64(seed),1))
	  b:=append([]byte(nil),good...)
	  pg:=2+r.IntN(len(b)/4096-2)
	  if seed%2==0 { for range 8 { b[pg*4096+r.IntN(64)]=byte(r.Uint32()) } } else { for i:=range 4096 { b[pg*4096+i]=byte(r.Uint32()) } }
	  p:=t.TempDir()+"/x.db"; os.WriteFile(p,b,0o600)
	  c:=exec.Command(os.Args[0],"-test.run","TestDbgChild","-test.v"); c.Env=append(os.Environ(),"DBG_FILE="+p)
	  out,err:=c.CombinedOutput()
	  k:="ok"
	  if err!=nil { k="crash "; for _,l:=range strings.Split(string(out),"\n") { if strings.HasPrefix(l,"panic:")||strings.HasPrefix(l,"fatal")||strings.HasPrefix(l,"unexpected fault") {k+=l; break} } ; if i:=strings.Index(k,"0x"); i>0 {k=k[:i]}
	   if strings.Contains(string(out),"verify") { k="openphase "+k}
	  }
	  crash[k]++
	}
	for k,v:=range crash { t.Log(strconv.Itoa(v),k) }
	o.open()
}
