const string A = "double 'quoted'"
const string B = 'single "quoted"'
const string C = "esc \n \r \t \" \' \\"
const string D = 'it\'s'
const string E = "hé"
const binary F = "bytes"
const string G = ""
const string H = "// no comment # here /* */"
