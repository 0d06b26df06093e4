package main

var importsCases = []Case{}
