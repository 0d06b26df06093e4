package main

var v1Cases = []Case{}
