package main

var registriesCases = []Case{}
