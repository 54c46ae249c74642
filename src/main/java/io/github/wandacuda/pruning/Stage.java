package io.github.wandacuda.pruning;

import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A stage of a recipe: how the modules that it holds for are pruned.
 *
 * @param modules found anywhere in a module's name without {@code .weight}; nothing for all modules
 * @param rules what is done to them
 * @param allocation how the sparsity is shared out over the blocks of this stage's modules
 * @param line the line at which the stage begins, from 1
 */
public record Stage(
    Optional<Pattern> modules, ModuleRules rules, Allocation allocation, int line) {}
