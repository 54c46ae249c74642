package io.github.wandacuda.testing.machine;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Where an instruction of compute capability 7.5 to 9.0 runs, by the low nine bits of its code.
 * NVIDIA doesn't document the codes: they were found by comparing PTX with what ptxas made of it.
 */
enum Pipe {
  /** Integers, comparisons and choices: 16 lanes a cycle in each quarter of a multiprocessor. */
  INTEGER(
      0x002, 0x003, 0x004, 0x005, 0x007, 0x008, 0x009, 0x00b, 0x00c, 0x00d, 0x00e, 0x00f, 0x010,
      0x011, 0x012, 0x013, 0x016, 0x017, 0x018, 0x019, 0x01a, 0x01c, 0x036, 0x046, 0x048),
  /** Additions and multiplications of floats, and multiplications of integers. */
  FLOAT(0x020, 0x021, 0x023, 0x024, 0x025, 0x026, 0x027, 0x030, 0x031, 0x032, 0x035, 0x0c0),
  /** Float64. */
  DOUBLE(0x028, 0x029, 0x02a, 0x02b),
  /** Global memory, and what is spilled. */
  MEMORY(0x180, 0x181, 0x183, 0x187, 0x185, 0x186, 0x18e, 0x198, 0x1a8, 0x1a9),
  /** Shared memory, shuffles and special registers. */
  SHARED(0x184, 0x188, 0x18c, 0x18d, 0x189, 0x119, 0x1c3, 0x1c4, 0x182, 0x1c2),
  /** Population counts, conversions and reciprocals. */
  SPECIAL(0x100, 0x101, 0x102, 0x104, 0x105, 0x106, 0x108, 0x109, 0x045, 0x110),
  /** What is done once for a warp. */
  UNIFORM(
      0x082, 0x087, 0x08c, 0x090, 0x091, 0x092, 0x094, 0x095, 0x096, 0x099, 0x0a4, 0x0a5, 0x0b9,
      0x0bd, 0x0bf, 0x0c8, 0x0ca, 0x086, 0x006, 0x1a2, 0x0c3),
  /** Branches, barriers, and what keeps a warp together. */
  CONTROL(
      0x11d, 0x118, 0x141, 0x142, 0x143, 0x144, 0x145, 0x147, 0x148, 0x14d, 0x150, 0x11a, 0x11b,
      0x112, 0x15d);

  private static final Map<Integer, Pipe> BY_CODE = new HashMap<>();

  static {
    for (Pipe pipe : values()) {
      Arrays.stream(pipe.codes).forEach(code -> BY_CODE.put(code, pipe));
    }
  }

  private final int[] codes;

  Pipe(int... codes) {
    this.codes = codes;
  }

  /**
   * Returns the pipe of an instruction.
   *
   * @throws IllegalArgumentException if the instruction isn't known
   */
  static Pipe of(int code) {
    Pipe pipe = BY_CODE.get(code);
    if (pipe == null) {
      throw new IllegalArgumentException("unknown instruction 0x%03x".formatted(code));
    }
    return pipe;
  }
}
