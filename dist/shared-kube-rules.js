const E=769,j=[769],O={66466:((h,_,b)=>{b.d(_,{$N:()=>$,ZZ:()=>i,bD:()=>u});function $(r){return i(r,"code")}function u(r){return i(r,"message")}function i(r,d){const p=typeof r=="object"&&r!==null?Reflect.get(r,d):void 0;return typeof p=="string"?p:""}}),73610:((h,_,b)=>{b.d(_,{IJ:()=>i,Ml:()=>k,Po:()=>S,SN:()=>r,bJ:()=>R,sG:()=>d});const $="zk-ensemble-action",u=["get","list","watch","create","update","patch","delete"];function i(n,o=$){return[...new Set(n.map(e=>e.namespace))].toSorted((e,t)=>(e??"~").localeCompare(t??"~")).map(e=>`${e===void 0?`apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: ${f(o)}
`:`apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: ${f(o)}
  namespace: ${f(e)}
`}rules:
${v(n.filter(c=>c.namespace===e)).map(y).join("")}`).join(`---
`)}function r(n){return[...Map.groupBy(n,({namespace:s})=>s)].map(([s,e])=>{const c=[...Map.groupBy(e,({resource:a})=>a)].map(([a,m])=>`${[...new Set(m.map(({verb:g})=>g))].toSorted(w).join(", ")} ${a}`);return` in ${s??"the whole cluster"}: ${c.join("; ")}`}).join(";")}function d(n,o,s){return y({group:"",resources:[n],names:s===void 0?[]:[s],verbs:o}).trimEnd()}const p=["get","create"],R=d("pods/portforward",p),S=d("pods/exec",p),k=`Add this rule to the Role of this workflow:
${S}`;function v(n){const o=new Map;for(const{group:e,resource:t,name:c,verb:a}of n){const m=JSON.stringify([e,t,c]),g=o.get(m)??{group:e,resource:t,name:c,verbs:new Set};g.verbs.add(a),o.set(m,g)}const s=new Map;for(const e of o.values()){const t=[...e.verbs].toSorted(w),c=JSON.stringify([e.group,t,e.name===void 0?"":e.resource]),a=s.get(c)??{group:e.group,resources:new Set,names:new Set,verbs:t};a.resources.add(e.resource),e.name!==void 0&&a.names.add(e.name),s.set(c,a)}return[...s.values()].map(e=>({group:e.group,resources:[...e.resources].toSorted(),names:[...e.names].toSorted(),verbs:e.verbs})).toSorted((e,t)=>e.group.localeCompare(t.group)||e.resources.join().localeCompare(t.resources.join()))}function w(n,o){const s=e=>u.includes(e)?u.indexOf(e):u.length;return s(n)-s(o)||n.localeCompare(o)}function y(n){const o=n.names.length===0?"":`  resourceNames: ${l(n.names)}
`;return`- apiGroups: ${l([n.group])}
  resources: ${l(n.resources)}
${o}  verbs: ${l(n.verbs)}
`}function l(n){return`[${n.map(f).join(", ")}]`}function f(n){return/^[a-z]([a-z0-9./-]*[a-z0-9])?$/.test(n)&&!["true","false","null","yes","no","on","off","y","n"].includes(n)?n:JSON.stringify(n)}})};export{E as id,j as ids,O as modules};
