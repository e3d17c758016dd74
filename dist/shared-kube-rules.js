const w=769,h=[769],k={66466:((y,g,b)=>{b.d(g,{$N:()=>_,ZZ:()=>i,bD:()=>u});function _(r){return i(r,"code")}function u(r){return i(r,"message")}function i(r,$){const p=typeof r=="object"&&r!==null?Reflect.get(r,$):void 0;return typeof p=="string"?p:""}}),73610:((y,g,b)=>{b.d(g,{I:()=>i,S:()=>r});const _="zk-ensemble-action",u=["get","list","watch","create","update","patch","delete"];function i(n,o=_){return[...new Set(n.map(e=>e.namespace))].toSorted((e,s)=>(e??"~").localeCompare(s??"~")).map(e=>`${e===void 0?`apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: ${m(o)}
`:`apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: ${m(o)}
  namespace: ${m(e)}
`}rules:
${$(n.filter(c=>c.namespace===e)).map(S).join("")}`).join(`---
`)}function r(n){return[...Map.groupBy(n,({namespace:t})=>t)].map(([t,e])=>{const c=[...Map.groupBy(e,({resource:a})=>a)].map(([a,l])=>`${[...new Set(l.map(({verb:f})=>f))].toSorted(p).join(", ")} ${a}`);return` in ${t??"the whole cluster"}: ${c.join("; ")}`}).join(";")}function $(n){const o=new Map;for(const{group:e,resource:s,name:c,verb:a}of n){const l=JSON.stringify([e,s,c]),f=o.get(l)??{group:e,resource:s,name:c,verbs:new Set};f.verbs.add(a),o.set(l,f)}const t=new Map;for(const e of o.values()){const s=[...e.verbs].toSorted(p),c=JSON.stringify([e.group,s,e.name===void 0?"":e.resource]),a=t.get(c)??{group:e.group,resources:new Set,names:new Set,verbs:s};a.resources.add(e.resource),e.name!==void 0&&a.names.add(e.name),t.set(c,a)}return[...t.values()].map(e=>({group:e.group,resources:[...e.resources].toSorted(),names:[...e.names].toSorted(),verbs:e.verbs})).toSorted((e,s)=>e.group.localeCompare(s.group)||e.resources.join().localeCompare(s.resources.join()))}function p(n,o){const t=e=>u.includes(e)?u.indexOf(e):u.length;return t(n)-t(o)||n.localeCompare(o)}function S(n){const o=n.names.length===0?"":`  resourceNames: ${d(n.names)}
`;return`- apiGroups: ${d([n.group])}
  resources: ${d(n.resources)}
${o}  verbs: ${d(n.verbs)}
`}function d(n){return`[${n.map(m).join(", ")}]`}function m(n){return/^[a-z]([a-z0-9./-]*[a-z0-9])?$/.test(n)&&!["true","false","null","yes","no","on","off","y","n"].includes(n)?n:JSON.stringify(n)}})};export{w as id,h as ids,k as modules};
