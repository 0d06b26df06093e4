package main

var eventsCases = []Case{}
