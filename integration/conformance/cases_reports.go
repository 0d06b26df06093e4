package main

var reportsCases = []Case{}
