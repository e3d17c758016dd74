const $=769,k=[769],v={6466:((S,f,m)=>{m.d(f,{$N:()=>l,SR:()=>g,ZZ:()=>i,bD:()=>u});function l(o){return i(o,"code")}function u(o){return i(o,"message")}function i(o,_){const r=typeof o=="object"&&o!==null?Reflect.get(o,_):void 0;return typeof r=="string"?r:""}function g(o){return/^Bad response: (\d+)$/.exec(u(o))?.[1]}}),3610:((S,f,m)=>{m.d(f,{I:()=>i});const l="zk-ensemble-action",u=["get","list","watch","create","update","patch","delete"];function i(n,s=l){return[...new Set(n.map(e=>e.namespace))].toSorted((e,t)=>(e??"~").localeCompare(t??"~")).map(e=>`${e===void 0?`apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: ${p(s)}
`:`apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: ${p(s)}
  namespace: ${p(e)}
`}rules:
${g(n.filter(c=>c.namespace===e)).map(_).join("")}`).join(`---
`)}function g(n){const s=new Map;for(const{group:e,resource:t,name:c,verb:d}of n){const b=JSON.stringify([e,t,c]),y=s.get(b)??{group:e,resource:t,name:c,verbs:new Set};y.verbs.add(d),s.set(b,y)}const a=new Map;for(const e of s.values()){const t=[...e.verbs].toSorted(o),c=JSON.stringify([e.group,t,e.name===void 0?"":e.resource]),d=a.get(c)??{group:e.group,resources:new Set,names:new Set,verbs:t};d.resources.add(e.resource),e.name!==void 0&&d.names.add(e.name),a.set(c,d)}return[...a.values()].map(e=>({group:e.group,resources:[...e.resources].toSorted(),names:[...e.names].toSorted(),verbs:e.verbs})).toSorted((e,t)=>e.group.localeCompare(t.group)||e.resources.join().localeCompare(t.resources.join()))}function o(n,s){const a=e=>u.includes(e)?u.indexOf(e):u.length;return a(n)-a(s)||n.localeCompare(s)}function _(n){const s=n.names.length===0?"":`  resourceNames: ${r(n.names)}
`;return`- apiGroups: ${r([n.group])}
  resources: ${r(n.resources)}
${s}  verbs: ${r(n.verbs)}
`}function r(n){return`[${n.map(p).join(", ")}]`}function p(n){return/^[a-z]([a-z0-9./-]*[a-z0-9])?$/.test(n)&&!["true","false","null","yes","no","on","off","y","n"].includes(n)?n:JSON.stringify(n)}})};export{$ as id,k as ids,v as modules};
