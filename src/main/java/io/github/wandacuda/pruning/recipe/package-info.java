/**
 * What is asked of a run: methods and their keys, rules by module, how a total is shared out, and
 * the YAML file that says all that, which {@code recipe.schema.json} describes to editors.
 */
package io.github.wandacuda.pruning.recipe;
