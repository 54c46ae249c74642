/**
 * What is pruned how: matrices in memory, cut into tiles and selected on a backend; masks of whole
 * modules, and what the kept weights become, so that outputs change least; and recipes, which say
 * all that in a YAML file that {@code recipe.schema.json} beside this package describes to editors.
 */
package io.github.wandacuda.pruning;
