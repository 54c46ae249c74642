package io.github.wandacuda.pruning;

import io.github.wandacuda.Sparsity;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;

/**
 * A stage of a recipe: how the modules that it holds for are pruned. Names stand for what the
 * options of the same name take: the reader has checked them, and whoever prunes turns them into
 * types of its own.
 *
 * @param modules found anywhere in a module's name without {@code .weight}; nothing for all modules
 * @param method one of {@link Recipe#METHODS}
 * @param scope what {@code ria} ranks, {@code row} or {@code matrix}; nothing if it isn't said
 * @param sparsity how much is pruned; nothing if it isn't said
 * @param swaps whether the mask is improved by swaps
 * @param swapBudget the most swaps, at least 1; nothing for as many as improve it
 * @param reconstruct whether the kept weights are fitted by least squares
 * @param allocation how the sparsity is shared out over the blocks of this stage's modules
 * @param line the line at which the stage begins, from 1
 */
public record Stage(
    Optional<Pattern> modules,
    String method,
    Optional<String> scope,
    Optional<Sparsity> sparsity,
    boolean swaps,
    OptionalInt swapBudget,
    boolean reconstruct,
    Allocation allocation,
    int line) {}
