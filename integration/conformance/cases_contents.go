package main

var contentsCases = []Case{}
