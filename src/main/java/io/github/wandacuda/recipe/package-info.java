/**
 * Recipes: which modules are pruned how, in stages, in a YAML file of which every wrong line is
 * named. {@code recipe.schema.json} beside this package describes the same files to editors.
 */
package io.github.wandacuda.recipe;
