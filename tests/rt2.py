import json, pathlib, tempfile
from tests.helpers import synthetic_run as s, task_run as t
from plexor.findings.schema import to_table
from plexor.findings.summary import summarise
from plexor.findings.summary.summary_file import from_json, SUMMARY
out=pathlib.Path("tests/unit/summary_v2")
def cmp(name,new):
    old=from_json((out/f"{name}.json").read_bytes())
    a,b=SUMMARY.plain(old),SUMMARY.plain(new)
    def d(x,y,p):
        if type(x)!=type(y): print(name,p,x,y); return
        if isinstance(x,dict):
            for k in {*x,*y}:
                d(x.get(k,"MISSING"),y.get(k,"MISSING"),p+"."+k)
        elif isinstance(x,list):
            if len(x)!=len(y): print(name,p,len(x),len(y))
            for i,(u,v) in enumerate(zip(x,y)): d(u,v,f"{p}[{i}]")
        elif x!=y: print(name,p,x,y)
    d(a,b,"$")
for name,task,goal,rows in [("findings",t.FINDINGS,t.HIDE,t.several()),("outlines",t.OUTLINES,t.LOWER,t.outlines()),("number",t.AGE,t.DEVIATE,t.numbers("deviate"))]:
    cmp(name, summarise(t.plan(goal),t.provenance(task),to_table(rows).to_pandas()))
probes=(s.probe("pgd","linf",(2,),settings=s.PGD),s.probe("pgd","linf",(2,),target="nv",settings=s.PGD),s.shortcut("ruler",{"side":"left","ticks":20}))
with tempfile.TemporaryDirectory() as dd:
    run=s.write(pathlib.Path(dd)/"r",n_cases=30,seed=11,probes=probes)
    f=run.findings(); f=f[f["stored"].isin(["lossless","recompressed-own"])]
    cmp("classes",summarise(run.plan(),run.provenance(),f))
