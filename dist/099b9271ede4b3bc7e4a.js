module.exports=eval("require")("..");
