package main

var queryCases = []Case{}
