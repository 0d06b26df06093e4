package main

var accountsCases = []Case{}
