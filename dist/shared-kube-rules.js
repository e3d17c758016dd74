const y=769,k=[769],v={6466:(($,f,l)=>{l.d(f,{$N:()=>g,ZZ:()=>u,bD:()=>c});function g(t){return u(t,"code")}function c(t){return u(t,"message")}function u(t,_){const d=typeof t=="object"&&t!==null?Reflect.get(t,_):void 0;return typeof d=="string"?d:""}}),3610:(($,f,l)=>{l.d(f,{I:()=>u});const g="zk-ensemble-action",c=["get","list","watch","create","update","patch","delete"];function u(n,o=g){return[...new Set(n.map(e=>e.namespace))].toSorted((e,s)=>(e??"~").localeCompare(s??"~")).map(e=>`${e===void 0?`apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: ${m(o)}
`:`apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: ${m(o)}
  namespace: ${m(e)}
`}rules:
${t(n.filter(a=>a.namespace===e)).map(d).join("")}`).join(`---
`)}function t(n){const o=new Map;for(const{group:e,resource:s,name:a,verb:i}of n){const b=JSON.stringify([e,s,a]),S=o.get(b)??{group:e,resource:s,name:a,verbs:new Set};S.verbs.add(i),o.set(b,S)}const r=new Map;for(const e of o.values()){const s=[...e.verbs].toSorted(_),a=JSON.stringify([e.group,s,e.name===void 0?"":e.resource]),i=r.get(a)??{group:e.group,resources:new Set,names:new Set,verbs:s};i.resources.add(e.resource),e.name!==void 0&&i.names.add(e.name),r.set(a,i)}return[...r.values()].map(e=>({group:e.group,resources:[...e.resources].toSorted(),names:[...e.names].toSorted(),verbs:e.verbs})).toSorted((e,s)=>e.group.localeCompare(s.group)||e.resources.join().localeCompare(s.resources.join()))}function _(n,o){const r=e=>c.includes(e)?c.indexOf(e):c.length;return r(n)-r(o)||n.localeCompare(o)}function d(n){const o=n.names.length===0?"":`  resourceNames: ${p(n.names)}
`;return`- apiGroups: ${p([n.group])}
  resources: ${p(n.resources)}
${o}  verbs: ${p(n.verbs)}
`}function p(n){return`[${n.map(m).join(", ")}]`}function m(n){return/^[a-z]([a-z0-9./-]*[a-z0-9])?$/.test(n)&&!["true","false","null","yes","no","on","off","y","n"].includes(n)?n:JSON.stringify(n)}})};export{y as id,k as ids,v as modules};
