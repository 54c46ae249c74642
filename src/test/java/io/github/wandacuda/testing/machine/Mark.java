package io.github.wandacuda.testing.machine;

/** Instructions that tell a path through a kernel from others. */
enum Mark {
  /** 16 bytes from or to global memory, or a byte to it: a vector, its norms, its mask. */
  VECTOR {
    @Override
    boolean is(MachineCode.Instruction instruction) {
      boolean store = instruction.code() == STORE;
      int width = instruction.width();
      return (store || instruction.code() == LOAD) && width == WIDTH_16 || STORE_1.is(instruction);
    }
  },
  /** A byte to global memory. */
  STORE_1 {
    @Override
    boolean is(MachineCode.Instruction instruction) {
      return instruction.code() == STORE && instruction.width() == 0;
    }
  },
  /** A float to global memory. */
  STORE_4 {
    @Override
    boolean is(MachineCode.Instruction instruction) {
      return instruction.code() == STORE && instruction.width() == 4;
    }
  },
  LOAD_16 {
    @Override
    boolean is(MachineCode.Instruction instruction) {
      return instruction.code() == LOAD && instruction.width() == WIDTH_16;
    }
  },
  BARRIER(0x11d),
  /** An addition of floats. */
  ADD(0x021),
  /** A multiplication of floats with an addition, rounded once. */
  MULTIPLY_ADD(0x023),
  /** The same of float64 numbers. */
  DOUBLE_MULTIPLY_ADD(0x02b),
  /** A multiplication of float64 numbers. */
  DOUBLE_MULTIPLY(0x028),
  /** A sum or maximum over a warp. */
  WARP_SUM(0x1c4);

  private static final int LOAD = 0x181;
  private static final int STORE = 0x186;
  private static final int WIDTH_16 = 6;

  private final int code;

  /** Is told by more than a code. */
  Mark() {
    this(-1);
  }

  Mark(int code) {
    this.code = code;
  }

  boolean is(MachineCode.Instruction instruction) {
    return instruction.code() == code;
  }
}
