// RUN: hybrid-opt %s --hybrid-verify-model-form -split-input-file -verify-diagnostics

// No storage type.
// expected-error @+1 {{model form: expected module attribute 'hybrid.dtype' to be f32, bf16 or f16}}
module attributes {hybrid.name = "x"} {
}

// -----

// No name.
// expected-error @+1 {{model form: expected module attribute 'hybrid.name', a string}}
module attributes {hybrid.dtype = f32} {
}

// -----

// A vocabulary of nothing.
// expected-error @+1 {{model form: expected module attribute 'hybrid.vocab', a positive integer}}
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 0 : i64} {
}

// -----

// No list of final tokens.
// expected-error @+1 {{model form: expected module attribute 'hybrid.eos', an array of i64}}
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64} {
}

// -----

// Nothing to run.
// expected-error @+1 {{model form: expected an entry, 'score' or 'append'}}
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
}

// -----

// Parameters are f32.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  // expected-error @+1 {{model form: expected a parameter to be a static tensor of f32, got 'tensor<4xbf16>'}}
  ml_program.global private @p(#ml_program.extern : tensor<4xbf16>) : tensor<4xbf16>
}

// -----

// Parameters do not change.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  // expected-error @+1 {{model form: expected parameters to be immutable}}
  ml_program.global private mutable @p(dense<0.0> : tensor<4xf32>) : tensor<4xf32>
}

// -----

// An external parameter says where it comes from.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  // expected-error @+1 {{model form: expected a parameter to be external with 'hybrid.recipe', a list of pieces, or to hold its value}}
  ml_program.global private @p(#ml_program.extern : tensor<4xf32>) : tensor<4xf32>
}

// -----

// Fields cover the rows.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  // expected-error @+1 {{model form: expected the fields to have the parameter's rows, got 3 for 'tensor<4xf32>'}}
  ml_program.global private @p(#ml_program.extern : tensor<4xf32>) : tensor<4xf32> {
    hybrid.recipe = [#hybrid.piece<source = "p">], hybrid.fields = [#hybrid.field<"a", 3>]}
}

// -----

// Helper functions have no place.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  // expected-error @+1 {{model form: expected every function to be an entry, with the attribute 'hybrid.entry'}}
  func.func @helper() {
    return
  }
}

// -----

// An entry has a body.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  // expected-error @+1 {{model form: expected an entry to be one block}}
  func.func private @score(tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32> attributes {hybrid.entry}
}

// -----

// Tokens come first.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  // expected-error @+1 {{model form: expected ids, positions, offsets and rows, each tensor<?xi32>, to come first}}
  func.func @score(%ids: tensor<?xi64>) attributes {hybrid.entry} {
    return
  }
}

// -----

// Only caches follow.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  // expected-error @+1 {{model form: expected a cache as argument 4, got 'index'}}
  func.func @append(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>, %x: index) attributes {hybrid.entry} {
    return
  }
}

// -----

// Caches have names.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  // expected-error @+1 {{model form: expected argument 4 to have 'hybrid.name', a string of its own}}
  func.func @append(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>, %c: !hybrid.cache<conv_taps, [4, 3], f32>) attributes {hybrid.entry} {
    return
  }
}

// -----

// Logits of the vocabulary come back.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  // expected-error @+1 {{model form: expected logits, tensor<?x8xf32>, as the first result}}
  func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) attributes {hybrid.entry} {
    return
  }
}

// -----

// Caches come back.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  // expected-error @+1 {{model form: expected the caches' types as the results after the logits}}
  func.func @append(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>, %c: !hybrid.cache<conv_taps, [4, 3], f32> {hybrid.name = "c"}) -> tensor<?x8xf32> attributes {hybrid.entry} {
    %c0 = arith.constant 0 : index
    %y = tensor.empty(%c0) : tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}

// -----

// Each in its place.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  func.func @append(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>, %c: !hybrid.cache<conv_taps, [4, 3], f32> {hybrid.name = "c"}, %d: !hybrid.cache<conv_taps, [4, 3], f32> {hybrid.name = "d"})
      -> (tensor<?x8xf32>, !hybrid.cache<conv_taps, [4, 3], f32>, !hybrid.cache<conv_taps, [4, 3], f32>) attributes {hybrid.entry} {
    %c0 = arith.constant 0 : index
    %y = tensor.empty(%c0) : tensor<?x8xf32>
    // expected-error @+1 {{model form: expected what is appended to argument 4 to be returned in its place}}
    return %y, %d, %c : tensor<?x8xf32>, !hybrid.cache<conv_taps, [4, 3], f32>, !hybrid.cache<conv_taps, [4, 3], f32>
  }
}

// -----

// No control flow.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x8xf32> attributes {hybrid.entry} {
    %c0 = arith.constant 0 : index
    %y = tensor.empty(%c0) : tensor<?x8xf32>
    // expected-error @+1 {{model form: expected hybrid, linalg, tensor, arith and math ops only, got 'scf.for'}}
    scf.for %i = %c0 to %c0 step %c0 {
    }
    return %y : tensor<?x8xf32>
  }
}

// -----

// Storage types come later.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  func.func @score(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %offsets: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x8xf32> attributes {hybrid.entry} {
    %c0 = arith.constant 0 : index
    // expected-error @+1 {{model form: expected floats to be f32, got 'tensor<?x8xbf16>'}}
    %x = tensor.empty(%c0) : tensor<?x8xbf16>
    %y = tensor.empty(%c0) : tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}

// -----

// Nothing else in the module.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  // expected-error @+1 {{model form: expected parameters and entries only, got 'builtin.module'}}
  module {
  }
}

// -----

// What they list are fields.
module attributes {hybrid.dtype = f32, hybrid.name = "x", hybrid.family = "x", hybrid.vocab = 8 : i64, hybrid.width = 4 : i64, hybrid.eos = array<i64>} {
  // expected-error @+1 {{model form: expected 'hybrid.fields' to be a list of fields, got 3 : i64}}
  ml_program.global private @p(#ml_program.extern : tensor<4xf32>) : tensor<4xf32> {
    hybrid.recipe = [#hybrid.piece<source = "p">], hybrid.fields = [3]}
}
