/** Packing of a row as plain loops: the specification that the vector code equals to the byte. */
package io.github.wandacuda.packing.reference;
