// RUN: hybrid-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{expected a checkpoint tensor or an initialiser as the source, got ""}}
func.func private @fold_c1_source() attributes {a = #hybrid.fold<source = "">}

// -----

// expected-error @+1 {{expected a run that begins at 0 or later and ends behind that, or at -1 for the last, got [2, 2)}}
func.func private @fold_c2_run() attributes {a = #hybrid.fold<source = "a", begin = 2, end = 2>}

// -----

// expected-error @+1 {{expected the map "neg_exp" or "one_plus", or none, got "exp"}}
func.func private @fold_c3_map() attributes {a = #hybrid.fold<source = "a", map = "exp">}

// -----

// expected-error @+1 {{expected a checkpoint tensor or an initialiser as the source, got ""}}
func.func private @piece_c1_source() attributes {a = #hybrid.piece<source = "">}

// -----

// expected-error @+1 {{expected a run that begins at 0 or later and ends behind that, or at -1 for the last, got [-1, -1)}}
func.func private @piece_c2_run() attributes {a = #hybrid.piece<source = "a", begin = -1>}

// -----

// expected-error @+1 {{expected the map "neg_exp" or "one_plus", or none, got "minus"}}
func.func private @piece_c3_map() attributes {a = #hybrid.piece<source = "a", map = "minus">}

// -----

// expected-error @+1 {{expected 'column_folds' to be a list of folds, got "g"}}
func.func private @piece_c4_folds() attributes {a = #hybrid.piece<source = "a", column_folds = ["g"]>}

// -----

// expected-error @+1 {{expected a field to have a name, got ""}}
func.func private @field_c1_name() attributes {a = #hybrid.field<"", 2>}

// -----

// expected-error @+1 {{expected a field to have at least one row, got 0}}
func.func private @field_c2_rows() attributes {a = #hybrid.field<"q", 0>}
