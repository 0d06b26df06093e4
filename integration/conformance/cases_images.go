package main

var imagesCases = []Case{}
