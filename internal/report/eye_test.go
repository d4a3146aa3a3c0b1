package report
import ("testing";"os")
func TestEye(t *testing.T){
 d:=os.Getenv("EYE"); if d=="" {t.Skip()}
 r:=demo(1)
 WriteTable(os.Stdout,r)
 if err:=WriteHTML(d+"/one.html",r);err!=nil{t.Fatal(err)}
 r=demo(3)
 r.Runs=append(r.Runs,Run{Label:"kafisto paper seed 1",Group:"kafisto, paper",Seed:1,Log:divergedFixture(120),Settings:map[string]any{"batch":64}})
 WriteTable(os.Stdout,r)
 if err:=WriteHTML(d+"/three.html",r);err!=nil{t.Fatal(err)}
 p,err:=WriteFigures(d+"/fig",r); if err!=nil{t.Fatal(err)}
 t.Log(p)
}
