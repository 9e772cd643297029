from services.chat.rag import clean
from services.chat.rag.passages import passages, scored
from services.chat.rag.query import Query, content
from services.chat.rag.rank import rank
from services.chat.rag.select import select
from services.chat.tokens import estimate
def bench(question, sources, history, budget, most=100):
    q=Query({t:1.0 for t in content(question)})
    found=[]
    for i,s in enumerate(sources):
        found+=passages(i, scored(s['text']))
    r=rank(q,found)
    heads=[estimate(f"[{i+1}] {s['name']}\n") for i,s in enumerate(sources)]
    pick=select(found,r.scores,budget,estimate,heads,.7,most)
    out=[];last=None
    for i in pick:
        p=found[i]
        if p.source!=last: out.append(f"[{p.source+1}] {sources[p.source]['name']}"); last=p.source
        out.append(p.text())
    return dict(kept_text='\n'.join(out),skipped=False,reason='')
